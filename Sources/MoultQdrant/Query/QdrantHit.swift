internal import MoultModel
internal import MoultServer

/// A point that a query has found.
struct QdrantHit: Sendable {
  var id: PointID
  /// Qdrant's.
  var score: Float
  /// What it was ordered by.
  var orderValue: JSON?
  /// As it is stored; `nil` inside for none, outside where nobody has looked.
  var payload: String??
}
