internal import MoultModel

/// Centroids and what belongs to each: rows to lists, or lists to groups. The memory is someone else's.
struct IVFPartition: @unchecked Sendable {
  let dimension: Int
  /// Sets, some perhaps empty.
  let count: Int
  let memberCount: Int
  /// `count × dimension`.
  let centroids: UnsafePointer<Float>
  /// `count + 1` numbers: set i has the members `starts[i] ..< starts[i + 1]`.
  let starts: UnsafePointer<UInt32>
  let members: UnsafePointer<UInt32>

  /// The members of one set, ascending.
  @inline(__always)
  func members(of set: Int) -> UnsafeBufferPointer<UInt32> {
    let first = Int(starts[set])
    return UnsafeBufferPointer(start: members + first, count: Int(starts[set + 1]) - first)
  }

  /// Checks that every member stands in exactly one set, in ascending order, and that centroids are finite.
  ///
  /// - Parameters:
  ///   - set, member: what they are called in messages.
  /// - Throws: `corrupted`.
  /// - Complexity: one pass over the memory; a bit a member.
  func check(set: String, member: String) throws(MoultError) {
    guard starts[0] == 0 && Int(starts[count]) == memberCount else {
      throw IVFFormat.damaged(
        "has \(set)s from \(starts[0]) to \(starts[count]), expected 0 to \(memberCount) \(member)s")
    }
    for i in 0..<count where starts[i] > starts[i + 1] {
      throw IVFFormat.damaged("has \(set) \(i) end at \(starts[i + 1]) before it begins at \(starts[i])")
    }
    var seen = [UInt64](repeating: 0, count: (memberCount + 63) / 64)
    for i in 0..<count {
      var last = -1
      for number in members(of: i) {
        let number = Int(number)
        guard number < memberCount else {
          throw IVFFormat.damaged("has \(member) \(number) in \(set) \(i) and \(memberCount) \(member)s")
        }
        guard number > last && seen[number >> 6] >> UInt64(number & 63) & 1 == 0 else {
          throw IVFFormat.damaged("has \(member) \(number) twice or out of order in \(set) \(i)")
        }
        seen[number >> 6] |= 1 << UInt64(number & 63)
        last = number
      }
    }
    for i in 0..<count * dimension where !centroids[i].isFinite {
      throw IVFFormat.damaged("has a centroid of \(set) \(i / dimension) that is not finite")
    }
  }
}
