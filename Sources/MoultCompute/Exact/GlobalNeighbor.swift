/// A row of a whole collection and its score; ordered like `Neighbor`.
public struct GlobalNeighbor: Sendable, Equatable, Comparable {
  public var row: Int64
  public var score: Float

  public init(row: Int64, score: Float) {
    self.row = row
    self.score = score
  }

  /// Whether `left` is listed before `right`: higher score, then smaller row.
  public static func < (left: GlobalNeighbor, right: GlobalNeighbor) -> Bool {
    left.score > right.score || (left.score == right.score && left.row < right.row)
  }
}
