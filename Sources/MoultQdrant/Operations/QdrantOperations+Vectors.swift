internal import HTTPTypes
internal import MoultEngine
internal import MoultModel
internal import MoultServer

extension QdrantOperations {
  /// Adds a vector to a collection in use; no point has it yet. The same again is no error.
  ///
  /// - Throws: 404; 400 for another configuration of a name that is there, 400 for a collection of another protocol.
  func addVector(_ name: String, to collection: String, _ body: QdrantFields) async throws {
    try Self.requireOwn(try describe(collection).info)
    let dense = try body.fields("dense")
    let sparse = try body.fields("sparse")
    guard (dense == nil) != (sparse == nil) else {
      throw QdrantError.format("expected either `dense` or `sparse`")
    }
    if let dense, VectorConfiguration.isMulti(dense) {
      try await alter(collection) { definition in
        let vector = try VectorConfiguration.multi(dense, name: name, part: definition.multiVectorsMade)
        if let present = definition.multiVectors.first(where: { $0.name == name }) {
          guard present.size == vector.size, present.distance == vector.distance,
            present.datatype == vector.datatype
          else { throw Self.otherVector(name) }
          return
        }
        guard !definition.names.contains(name) else { throw Self.otherVector(name) }
        try definition.add(vector)
      }
    } else if let dense {
      for _ in 0..<Engine.fieldsMax {
        if try await addDense(dense, name, to: collection) { return }
      }
      throw QdrantError(
        status: .serviceUnavailable,
        message: "Service unavailable: others change the vectors of collection `\(collection)`; try again")
    } else if let sparse {
      let vector = try VectorConfiguration.sparse(sparse, name: name, number: 0)
      try await alter(collection) { definition in
        if let present = definition.sparseVectors.first(where: { $0.name == name }) {
          guard present.given == vector.given else { throw Self.otherVector(name) }
          return
        }
        guard !definition.names.contains(name) else { throw Self.otherVector(name) }
        var vector = vector
        // A member that none has had: points may still hold what was stored under another.
        vector.member = StoredPayload.hiddenPrefix + "\(definition.sparseVectorsMade)"
        definition.sparseVectorsMade += 1
        definition.sparseVectors.append(vector)
      }
    }
  }

  /// - Returns: `false` when another request has taken the field meanwhile.
  private func addDense(
    _ dense: QdrantFields, _ name: String, to collection: String
  ) async throws -> Bool {
    let described = try describe(collection)
    if let present = described.definition.vectors.first(where: { $0.name == name }) {
      let wanted = try VectorConfiguration.dense(dense, name: name, field: present.field)
      guard Self.isSame(present, wanted) else { throw Self.otherVector(name) }
      return true
    }
    let field = try Self.freeField(name, in: described.info)
    let vector = try VectorConfiguration.dense(dense, name: name, field: field)
    guard !described.definition.names.contains(name) else { throw Self.otherVector(name) }
    do {
      try await engine.addVectorField(try self.field(vector, described.definition), to: described.name)
    } catch let error as MoultError where error.code == .collectionExists { return false }
    let present: QdrantDefinition.Vector?
    do {
      try await alter(collection) { definition in
        guard
          !definition.sparseVectors.contains(where: { $0.name == name })
            && !definition.multiVectors.contains(where: { $0.name == name })
        else { throw Self.otherVector(name) }
        guard !definition.vectors.contains(where: { $0.name == name }) else { return }
        definition.vectors.append(vector)
      }
      present = try QdrantCollection(try engine.describeCollection(described.name)).definition.vectors
        .first { $0.name == name }
    } catch {
      try? await engine.dropVectorField(field, from: described.name)
      throw error
    }
    guard present?.field != field else { return true }
    // Another request was faster, with a field of its own, or has removed the vector since.
    try? await engine.dropVectorField(field, from: described.name)
    if let present, !Self.isSame(present, vector) { throw Self.otherVector(name) }
    return true
  }

  /// The engine's name for a new vector: of no field that is there. One that no vector has may be what a crash left of
  /// a vector that was removed, with its numbers; or another request is at work on it.
  private static func freeField(_ name: String, in info: CollectionInfo) throws(QdrantError) -> String {
    let taken = PlaceholderField.names.union(info.fields.map(\.name) + [info.schema.vectorField])
    let field = try VectorConfiguration.field(name, avoiding: taken)
    var free = field
    var number = 2
    while taken.contains(free) {
      free = "\(field)_\(number)"
      number += 1
    }
    return free
  }

  private static func isSame(_ a: QdrantDefinition.Vector, _ b: QdrantDefinition.Vector) -> Bool {
    a.size == b.size && a.distance == b.distance && a.datatype == b.datatype
  }

  private static func otherVector(_ name: String) -> QdrantError {
    .wrongInput("Vector `\(name)` already exists with another configuration")
  }

  /// Removes a vector from a collection and from all of its points.
  func dropVector(_ name: String, from collection: String) async throws {
    let described = try describe(collection)
    if described.definition.sparseVectors.contains(where: { $0.name == name && $0.isOfText }) {
      return try await engine.dropVectorField(name, from: described.name)
    }
    try Self.requireOwn(described.info)
    // No name is the one of the vector that has none, not the default's; paths cannot say it, but the engine's.
    let vector = try described.vectors.first { $0.name == name } ?? described.vector(using: name)
    switch vector.kind {
    case .dense: try await dropDense(vector, from: described, collection)
    case .sparse: try await alter(collection) { $0.sparseVectors.removeAll { $0.name == name } }
    case .multi(_, let part):
      try await alter(collection) { $0.multiVectors.removeAll { $0.name == name } }
      // The name is gone: what a crash leaves here takes room until its points are written anew, and is never told.
      try await engine.dropParts(number: part, of: described.name)
    }
  }

  private func dropDense(
    _ vector: QdrantVector, from described: QdrantCollection, _ collection: String
  ) async throws {
    let first = described.info.schema.vectorField
    let field = vector.field ?? first
    guard field != described.info.schema.searchField ?? first else {
      throw QdrantError.badRequest(
        "vector `\(vector.name)` is what queries without `using` take; let them take another one first "
          + "(`moult collections default \(described.name) FIELD`)")
    }
    // First: definitions leave out what is gone, and writers must not miss the vector while it is there.
    try await engine.dropVectorField(field, from: described.name)
    let name = vector.name
    try await alter(collection) { $0.vectors.removeAll { $0.name == name } }
  }

  // MARK: Payload indexes

  private static let indexTypes = ["keyword", "integer", "float", "geo", "text", "bool", "datetime", "uuid"]

  /// `{"field_name", "field_schema"}`.
  func createIndex(_ body: QdrantFields, on collection: String) async throws {
    let field = try body.required("field_name", try body.string("field_name"))
    let path = try QdrantPath.read(field, at: "field_name")
    // The store's rule for names in filters: of an index on another key nothing could be counted or found.
    for case .key(let name) in path.steps {
      guard !name.isEmpty,
        !name.utf8.contains(where: { $0 < 0x20 || $0 == UInt8(ascii: "\"") || $0 == UInt8(ascii: "\\") })
      else {
        throw QdrantError.format(
          "field_name: Invalid json path: '\(field.prefix(200))': expected keys that are not empty and hold no quotes, "
            + "backslashes or control characters")
      }
    }
    guard let given = body["field_schema"] ?? body["field_type"] else {
      throw QdrantError.badRequest("missing field `field_schema`: the type cannot be told from the payload")
    }
    let schema: JSON
    switch given {
    case .string: schema = given
    case .object(let object): schema = .object(object.withoutNulls)
    default:
      throw QdrantError.format("field_schema: invalid type: expected a word or an object, got \(given.kind)")
    }
    let index = QdrantDefinition.PayloadIndex(field: field, schema: schema)
    guard schema.string != nil || schema["type"]?.string != nil, Self.indexTypes.contains(index.type) else {
      throw QdrantError.format(
        "field_schema: unknown type, expected one of \(Self.indexTypes.map { "`\($0)`" }.joined(separator: ", "))"
      )
    }
    try await alter(collection) { definition in
      if let place = definition.payloadIndexes.firstIndex(where: { $0.field == field }) {
        definition.payloadIndexes[place] = index
      } else {
        definition.payloadIndexes.append(index)
      }
    }
  }

  /// One that is not there is no error.
  func dropIndex(_ field: String, of collection: String) async throws {
    try await alter(collection) { $0.payloadIndexes.removeAll { $0.field == field } }
  }
}
