internal import MoultModel

/// A collection as it is, with its definition.
struct DescribedCollection {
  var info: CollectionInfo
  var definition: CollectionDefinition

  /// Never 0, another one for each collection.
  var createdTimestamp: UInt64 { timestamp(behind: 0) }

  /// What clients keep a schema by: rises with each change of it.
  var schemaTimestamp: UInt64 { timestamp(behind: definition.schemaChanges ?? 0) }

  private func timestamp(behind changes: Int) -> UInt64 {
    HybridClock.timestamp(
      milliseconds: info.createdAt + Int64(changes), counter: UInt64(truncatingIfNeeded: info.id))
  }
}
