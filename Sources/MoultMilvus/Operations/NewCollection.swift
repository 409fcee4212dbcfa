internal import MoultModel

/// A collection that is asked for.
struct NewCollection {
  var name: String
  var definition: CollectionDefinition
  var summary: String
  /// `nil` while no index says it.
  var metric: Metric?
}
