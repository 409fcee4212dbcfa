internal import MoultModel

/// A collection as it is, with its definition.
struct DescribedCollection {
  var info: CollectionInfo
  var definition: CollectionDefinition

  /// What clients keep a schema by: never 0, another one for each collection.
  var schemaTimestamp: UInt64 {
    HybridClock.timestamp(milliseconds: info.createdAt, counter: UInt64(truncatingIfNeeded: info.id))
  }
}
