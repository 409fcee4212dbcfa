/// A field by whose values Milvus divides a collection. Here it is kept and described; filters on it read the stored
/// values, as on any field.
extension CollectionDefinition {
  private static let defaultPartitionKeyCount = 16
  private static let partitionKeyCountMax = 1024

  /// As it is described.
  var partitionCount: Int {
    hasPartitionKey ? partitionKeyCount ?? Self.defaultPartitionKeyCount : partitionNames.count
  }

  /// - Parameter count: 0 for no word about it.
  /// - Throws: 1100.
  mutating func setPartitionKeyCount(_ count: Int) throws {
    guard count != 0 else { return }
    guard hasPartitionKey else {
      // Some clients send 1 always.
      if count == 1 { return }
      throw MilvusError.invalidParameter(
        "num_partitions should only be specified with partition key field enabled")
    }
    guard (1...Self.partitionKeyCountMax).contains(count) else {
      throw MilvusError.invalidParameter(
        "the specified partitions should be greater than 0 and at most \(Self.partitionKeyCountMax), got \(count)"
      )
    }
    partitionKeyCount = count
  }

  /// - Throws: 1100.
  func checkPartitionKey() throws {
    let keys = fields.filter(\.isPartitionKey)
    guard let key = keys.first else { return }
    guard keys.count == 1 else {
      throw MilvusError.invalidParameter(
        "there are more than one partition key, field name = \(keys[0].name), \(keys[1].name)")
    }
    guard !key.isPrimary else {
      throw MilvusError.invalidParameter("the partition key field must not be primary field")
    }
    guard key.type == .int64 || key.type == .varChar else {
      throw MilvusError.invalidParameter("the data type of partition key should be Int64 or VarChar")
    }
  }
}
