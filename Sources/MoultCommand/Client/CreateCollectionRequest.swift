internal import MoultModel

/// How a collection is asked for.
struct CreateCollectionRequest: Encodable, Sendable {
  var name: String
  var dimension: Int
  var metric: Metric
  var keyKind: CollectionSchema.KeyKind
  var elementType: CollectionSchema.ElementType
}
