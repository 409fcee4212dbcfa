internal import MoultEngine
internal import MoultModel

/// What is done to a collection as a whole while it is there.
extension MilvusOperations {
  private static let timeToLive = "collection.ttl.seconds"

  /// - Throws: 1100 for a property that would have to change what is stored.
  static func check(properties: [CollectionDefinition.Parameter]) throws {
    if let seconds = properties.first(where: { $0.key == timeToLive }), Int(seconds.value) ?? 1 > 0 {
      throw MilvusError.invalidParameter("\(timeToLive) is not supported by this version of Moult")
    }
  }

  /// Gives properties other values, or takes them away.
  func alterProperties(_ name: String, set: [CollectionDefinition.Parameter], remove: [String]) async throws {
    try Self.check(properties: set)
    guard set.isEmpty || remove.isEmpty else {
      throw MilvusError.invalidParameter("can not provide both DeleteKeys and ExtraParams")
    }
    let collection = try describe(name)
    try await alter(collection.info.name) { definition in
      definition.properties.removeAll { property in
        remove.contains(property.key) || set.contains { $0.key == property.key }
      }
      definition.properties += set
    }
  }

  /// Adds a scalar or vector field, which has its default value, or is null, in the points that are there.
  func add(_ field: CollectionDefinition.Field, to name: String) async throws {
    let collection = try describe(name)
    try Self.requireOwn(collection.info)
    try CollectionDefinition.checkNames([field])
    guard field.type.isKeptScalar || field.type.isVector, !field.isPrimary else {
      throw MilvusError.invalidParameter(
        "field \(field.name) of type \(field.type.name) cannot be added by this version of Moult")
    }
    guard field.isNullable else {
      throw MilvusError.invalidParameter(
        "added field must be nullable, please check it, field name = \(field.name)")
    }
    try field.checkDefaultValue()
    try CollectionDefinition.checkVectors([field])
    if field.type.isDenseVector, collection.definition.field(field.name) == nil {
      let wanted = try CollectionDefinition.vectorField(field)
      // It may be there already where a crash came before the definition was written.
      let isThere = collection.info.fields.contains {
        $0.name == wanted.name && $0.dimension == wanted.dimension && $0.count == 0
      }
      if !isThere { try await engine.addVectorField(wanted, to: collection.info.name) }
    }
    try await alter(collection.info.name) { definition in
      guard definition.field(field.name) == nil else {
        throw MilvusError.invalidParameter("duplicated field name: \(field.name)")
      }
      guard definition.droppedFields?.contains(field.name) != true else {
        throw MilvusError.invalidParameter(
          "a field \(field.name) was dropped, and its values are still stored by this version of Moult; choose another name"
        )
      }
      definition.fields.append(field)
      definition.schemaChanges = (definition.schemaChanges ?? 0) + 1
      try CollectionDefinition.checkLengths(definition.fields)
      try CollectionDefinition.checkVectors(definition.fields)
      try CollectionDefinition.checkTexts(definition.fields)
    }
  }

  /// Deletes every point; schema, indexes and aliases stay.
  func truncate(_ name: String) async throws {
    _ = try describe(name)
    _ = try await engine.delete(matching: .all([]), from: name)
  }

  /// Starts what merges are due; they also come by themselves.
  ///
  /// - Returns: the number to ask for their state by.
  func compact(_ name: String) throws -> Int64 {
    let collection = try describe(name)
    try engine.mergeSegments(of: collection.info.name)
    return collection.info.id
  }

  /// Jobs that merge segments of the collection of a number, under way and done.
  func merges(of id: Int64) throws -> [JobInfo] {
    guard let collection = try engine.listCollections().first(where: { $0.id == id }) else { return [] }
    return try engine.jobs(subject: collection.name, limit: 1_000).filter { $0.kind == Engine.mergeKind }
  }

  /// Merges of the collection that ``compact(_:)`` answered for, under way and done.
  func compaction(_ id: Int64) throws -> (running: Int, completed: Int, failed: Int) {
    let merges = try merges(of: id)
    return (
      merges.count { !$0.state.isFinal }, merges.count { $0.state == .completed },
      merges.count { $0.state == .failed }
    )
  }

  /// Gives fields of stored points new values, the others kept; no other write comes in between.
  ///
  /// - Parameters:
  ///   - operations: by field, of arrays.
  ///   - partition: where they go; empty leaves stored points where they are.
  func update(
    _ rows: [PartialRow], _ operations: [String: ArrayOperation], in name: String, partition: String
  ) async throws -> WriteResult {
    let collection = try describe(name)
    try checkPartitions([partition], of: collection)
    return try await engine.update(rows.map(\.id), in: name) { stored in
      var batch = PointBatch(ids: rows.map(\.id), vectors: [], dimension: collection.info.schema.dimension)
      var others: [String: [[Float]?]] = [:]
      for (row, point) in zip(rows, stored) {
        let (vectors, payload) = try row.merged(
          with: point, of: collection, operations: operations)
        batch.vectors += vectors[collection.info.schema.vectorField] ?? collection.placeholder
        for field in collection.info.fields { others[field.name, default: []].append(vectors[field.name]) }
        batch.payloads.append(
          partition.isEmpty
            ? payload : PartitionField.add(partition, to: PartitionField.removed(from: payload)))
      }
      for field in collection.info.fields {
        batch.fields[field.name] = FieldVectors(others[field.name] ?? [], dimension: field.dimension)
      }
      return batch
    }
  }
}
