/// A row and its score. A higher score is always nearer; squared Euclidean distances come negated.
///
/// Values order as results are listed: higher score first, then smaller row.
public struct Neighbor: Sendable, Equatable, Comparable {
  public var row: UInt32
  public var score: Float

  @inlinable
  public init(row: UInt32, score: Float) {
    self.row = row
    self.score = score
  }

  /// Whether `left` is listed before `right`.
  @inlinable
  public static func < (left: Neighbor, right: Neighbor) -> Bool {
    left.score > right.score || (left.score == right.score && left.row < right.row)
  }
}
