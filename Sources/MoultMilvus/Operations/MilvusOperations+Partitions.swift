internal import Foundation
internal import MoultEngine
internal import MoultModel

/// Partitions: parts of a collection, by name.
extension MilvusOperations {
  static let partition = "_default"
  private static let partitionCountMax = 1024

  /// One that is there already is no failure.
  func createPartition(_ name: String, of collectionName: String) async throws {
    try NameCheck.partition(name)
    let collection = try describe(collectionName)
    guard !collection.definition.hasPartitionKey else {
      throw MilvusError.invalidParameter("disable create partition if partition key mode is used")
    }
    // What a drop that was cut short has left must not be in a new one of that name.
    if collection.definition.partitions?.first(where: { $0.name == name })?.isDropping == true {
      try await finishDrop(of: name, from: collection)
    }
    let id = collection.info.id
    let now = Int64(Date().timeIntervalSince1970 * 1000)
    try await alter(collection.info.name) { definition in
      guard !definition.partitionNames.contains(name) else { return }
      guard definition.partitionNames.count < Self.partitionCountMax else {
        throw MilvusError.invalidParameter(
          "partition number (\(Self.partitionCountMax)) exceeds max configuration (\(Self.partitionCountMax))"
        )
      }
      definition.partitions =
        (definition.partitions ?? []) + [
          .init(name: name, id: id << 20 | Int64(definition.takePartitionNumber()), createdAt: now)
        ]
    }
  }

  /// Deletes the partition with its points. One that is not there is no failure.
  ///
  /// The name goes out of use first, then go the points, then the name is forgotten: what is cut short in between is
  /// finished by the next drop, or by a creation of the same name.
  ///
  /// - Throws: for the default one, one that is loaded, and one that an import writes into.
  func dropPartition(_ name: String, of collectionName: String) async throws {
    guard name != Self.partition else {
      throw MilvusError(code: MilvusError.Code.unexpected, message: "default partition cannot be deleted")
    }
    let collection = try describe(collectionName)
    let definition = collection.definition
    guard definition.partitions?.contains(where: { $0.name == name }) == true else { return }
    guard !definition.isLoaded || definition.releasedPartitions.contains(name) else {
      throw MilvusError(
        code: MilvusError.Code.unexpected,
        message: "partition cannot be dropped, partition is loaded, please release it first")
    }
    try await finishDrop(of: name, from: collection)
  }

  private func finishDrop(of name: String, from collection: DescribedCollection) async throws {
    try await alter(collection.info.name) { definition in
      guard let place = definition.partitions?.firstIndex(where: { $0.name == name }) else { return }
      definition.partitions?[place].isDropping = true
    }
    // Who starts an import looks again after it is queued, so that one of both sees the other.
    let isImporting = try engine.unfinishedImports(into: collection.info.name).contains {
      $0.order.partition == name
    }
    guard !isImporting else {
      try await alter(collection.info.name) { definition in
        guard let place = definition.partitions?.firstIndex(where: { $0.name == name }) else { return }
        definition.partitions?[place].isDropping = false
      }
      throw MilvusError(
        code: MilvusError.Code.unexpected,
        message: "partition cannot be dropped, an import job writes into it; wait for it or cancel it first")
    }
    _ = try await engine.delete(matching: PartitionField.condition([name]), from: collection.info.name)
    try await alter(collection.info.name) { definition in
      definition.partitions?.removeAll { $0.name == name && $0.isDropping }
    }
  }

  /// - Throws: 200.
  func countPoints(ofPartition name: String, of collectionName: String) async throws -> Int {
    let collection = try describe(collectionName)
    guard let condition = try partitionCondition([name], of: collection, mayBeReleased: true) else {
      return collection.info.count
    }
    return try await engine.count(collection.info.name, filter: condition).count
  }

  /// What a request for some partitions adds to its filter; `nil` for nothing.
  ///
  /// - Parameters:
  ///   - names: empty for all that are loaded.
  ///   - mayBeReleased: whether it is about all that is stored, and not about what is loaded.
  /// - Throws: 200 for one that is not there, 201 for one that is not loaded, 1100 where a field divides the
  ///   collection.
  func partitionCondition(
    _ names: [String], of collection: DescribedCollection, mayBeReleased: Bool
  ) throws -> PointFilter? {
    let definition = collection.definition
    let names = names.filter { !$0.isEmpty }
    try checkPartitions(names, of: collection)
    guard definition.partitions?.isEmpty == false else { return nil }
    let released = mayBeReleased ? [] : definition.releasedPartitions
    guard !names.isEmpty else {
      return released.isEmpty
        ? nil : PartitionField.condition(definition.partitionNames.filter { !released.contains($0) })
    }
    if let name = names.first(where: released.contains) {
      throw MilvusError(
        code: MilvusError.Code.partitionNotLoaded, message: "partition not loaded[partition=\(name)]")
    }
    return PartitionField.condition(names)
  }

  /// - Throws: 200 for a partition that is not there, 1100 where a field divides the collection.
  func checkPartitions(_ names: [String], of collection: DescribedCollection) throws {
    let names = names.filter { !$0.isEmpty }
    guard names.isEmpty || !collection.definition.hasPartitionKey else {
      throw MilvusError.invalidParameter(
        "not support manually specifying the partition names if partition key mode is used")
    }
    let present = collection.definition.partitionNames
    guard let other = names.first(where: { !present.contains($0) }) else { return }
    throw MilvusError(
      code: MilvusError.Code.partitionNotFound, message: "partition not found[partition=\(other)]")
  }

  // MARK: Loading

  /// The first partition that is loaded leaves the others released; the last that is released releases the
  /// collection.
  func setLoaded(partitions names: [String], of collectionName: String, _ isLoaded: Bool) async throws {
    let collection = try describe(collectionName)
    try checkPartitions(names, of: collection)
    guard !names.isEmpty else {
      _ = try await setLoaded(collectionName, isLoaded)
      return
    }
    let before = collection.definition
    if isLoaded, !before.isLoaded { _ = try await setLoaded(collectionName, true) }
    try await alter(collection.info.name) { definition in
      let all = Set(definition.partitionNames)
      var released = before.isLoaded ? definition.releasedPartitions : all
      if isLoaded { released.subtract(names) } else { released.formUnion(names) }
      definition.setReleased(released == all ? [] : released)
      definition.isLoaded = released != all
    }
  }

  /// - Parameter names: empty for all.
  func isLoaded(_ names: [String], of collection: DescribedCollection) throws -> Bool {
    try checkPartitions(names, of: collection)
    let definition = collection.definition
    return definition.isLoaded && definition.releasedPartitions.isDisjoint(with: names)
  }

  // MARK: Writing

  /// Puts new points into a partition.
  ///
  /// - Parameter partition: empty for the default one.
  /// - Throws: 200.
  func write(_ batch: PointBatch, to name: String, partition: String) async throws -> WriteResult {
    let collection = try describe(name)
    try checkPartitions([partition], of: collection)
    guard !partition.isEmpty, partition != Self.partition else {
      return try await store(batch, in: collection, name)
    }
    var batch = batch
    let payloads = batch.payloads.isEmpty ? [String](repeating: "", count: batch.count) : batch.payloads
    batch.payloads = payloads.map { PartitionField.add(partition, to: $0) }
    let result = try await store(batch, in: collection, name)
    // A drop that came in between has not seen these points.
    guard try describe(name).definition.partitionNames.contains(partition) else {
      // Only those that are in it still: another write may have put some of them elsewhere.
      _ = try await engine.delete(
        matching: .all([.ids(Set(result.ids)), PartitionField.condition([partition])]), from: name)
      try checkPartitions([partition], of: try describe(name))
      return result
    }
    return result
  }

  /// Where the collection gives out keys, points with keys replace those that are there under them; a key that none has
  /// becomes a new one.
  private func store(
    _ batch: PointBatch, in collection: DescribedCollection, _ name: String
  ) async throws -> WriteResult {
    collection.info.schema.automaticKeys && !batch.ids.isEmpty
      ? try await engine.replace(batch, in: name) : try await engine.write(batch, to: name, mode: .upsert)
  }
}

extension CollectionDefinition {
  /// A part of the collection beside the default one.
  struct Partition: Codable, Equatable, Sendable {
    var name: String
    var id: Int64
    /// Milliseconds since 1970.
    var createdAt: Int64
    /// Whether reads pass it over.
    var isReleased = false
    /// Whether its points are being deleted: it is no longer there for anyone.
    var isDropping = false
  }

  var hasPartitionKey: Bool { fields.contains(where: \.isPartitionKey) }

  /// The default one first.
  var partitionNames: [String] {
    [MilvusOperations.partition] + (partitions ?? []).filter { !$0.isDropping }.map(\.name)
  }

  var releasedPartitions: Set<String> {
    var released = Set((partitions ?? []).filter(\.isReleased).map(\.name))
    if defaultIsReleased == true { released.insert(MilvusOperations.partition) }
    return released
  }

  mutating func setReleased(_ names: Set<String>) {
    defaultIsReleased = names.contains(MilvusOperations.partition) ? true : nil
    partitions = partitions?.map { partition in
      var partition = partition
      partition.isReleased = names.contains(partition.name)
      return partition
    }
  }

  /// Another one at each call; 0 is the default partition's.
  mutating func takePartitionNumber() -> Int {
    partitionsMade = (partitionsMade ?? 0) + 1
    return partitionsMade ?? 0
  }
}
