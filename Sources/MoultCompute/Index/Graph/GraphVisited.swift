/// The rows that one walk has seen.
struct GraphVisited {
  let marks: UnsafeMutablePointer<UInt8>
  let stamp: UInt8

  @inline(__always)
  func contains(_ row: UInt32) -> Bool { marks[Int(row)] == stamp }

  @inline(__always)
  func insert(_ row: UInt32) { marks[Int(row)] = stamp }

  /// Copies the links that were not visited to `target`, marks them and returns how many they are.
  /// Stops at the first `noLink`.
  @inline(__always)
  func gather(
    _ links: UnsafePointer<UInt32>, count: Int, into target: UnsafeMutablePointer<UInt32>
  ) -> Int {
    var gathered = 0
    for index in 0..<count {
      let row = links[index]
      if row == GraphFormat.noLink { break }
      // Without a branch: whether a row is new is a coin toss that no predictor learns.
      target[gathered] = row
      gathered &+= marks[Int(row)] == stamp ? 0 : 1
      marks[Int(row)] = stamp
    }
    return gathered
  }
}
