import MoultModel

/// Which sealed segments become one.
///
/// Neighbours of like size, four at a time, so that a row is copied once for each fourfold growth; and any segment
/// of which a good part is dead. Fewer, larger segments mean fewer graphs to walk for a search.
struct MergePolicy: Sendable {
  /// Neighbours that are merged at once.
  static let fanIn = 4
  /// A segment is made anew when this part of it is dead, …
  static let deadShareMax = 0.2
  /// … and at least so many rows are.
  static let deadRowsMin = 256
  /// Full-precision bytes of a merged segment at most.
  private static let bytesMax = 16 << 30

  let rowsMax: Int

  /// - Parameter rowsMax: of a merged segment, whatever the dimension.
  init(rowsMax: Int, dimension: Int) {
    self.rowsMax = min(rowsMax, Self.bytesMax / (dimension * MemoryLayout<Float>.stride))
  }

  /// The segments to merge next, neighbours in order; `nil` when all is well.
  func next(_ segments: [SegmentView]) -> [SegmentView]? {
    if let worn = segments.first(where: Self.isWorn) { return [worn] }
    guard segments.count >= Self.fanIn else { return nil }
    return (0...segments.count - Self.fanIn).lazy.map { Array(segments[$0..<$0 + Self.fanIn]) }
      .first(where: isWorthMerging)
  }

  static func isWorn(_ segment: SegmentView) -> Bool {
    let dead = segment.count - segment.live.liveCount
    return segment.isSealed && dead >= deadRowsMin && Double(dead) > deadShareMax * Double(segment.count)
  }

  /// One that is larger than the others together would be copied for little.
  private func isWorthMerging(_ window: [SegmentView]) -> Bool {
    let counts = window.map(\.live.liveCount)
    let total = counts.reduce(0, +)
    let (first, last) = (window[0], window[window.count - 1])
    // A merged segment lists its rows by distances of 32 bits.
    guard last.rows.end(count: last.count) - first.firstRow <= Int64(UInt32.max) else { return false }
    return window.allSatisfy(\.isSealed) && total <= rowsMax && 2 * counts.max()! <= total
  }
}
