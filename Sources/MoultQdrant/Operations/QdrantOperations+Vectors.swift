internal import MoultEngine
internal import MoultModel
internal import MoultServer

extension QdrantOperations {
  /// Adds a vector to a collection in use; no point has it yet. The same again is no error.
  ///
  /// - Throws: 404; 400 for another configuration of a name that is there, 400 for a collection of another protocol.
  func addVector(_ name: String, to collection: String, _ body: QdrantFields) async throws {
    let described = try describe(collection)
    try Self.requireOwn(described.info)
    let definition = described.definition
    let dense = try body.fields("dense")
    let sparse = try body.fields("sparse")
    guard (dense == nil) != (sparse == nil) else {
      throw QdrantError.format("expected either `dense` or `sparse`")
    }
    if let dense {
      let field = try VectorConfiguration.field(name, avoiding: [described.info.schema.vectorField])
      let vector = try VectorConfiguration.dense(dense, name: name, field: field)
      if let present = definition.vectors.first(where: { $0.name == name }) {
        guard Self.isSame(present, vector) else { throw Self.otherVector(name) }
        return
      }
      guard !definition.sparseVectors.contains(where: { $0.name == name }) else {
        throw Self.otherVector(name)
      }
      do { try await engine.addVectorField(try self.field(vector, definition), to: described.name) } catch let
        error
        as MoultError where error.code == .collectionExists
      {
        // Another request was faster, or a crash came between field and definition.
        let info = try describe(collection).info
        let there = info.fields.first { $0.name == field }
        guard there?.dimension == vector.size, there?.metric == vector.distance.metric else {
          throw Self.otherVector(name)
        }
      }
      try await alter(collection) { definition in
        guard !definition.vectors.contains(where: { $0.name == name }) else { return }
        definition.vectors.append(vector)
      }
    } else if let sparse {
      let vector = try VectorConfiguration.sparse(sparse, name: name, number: 0)
      try await alter(collection) { definition in
        if let present = definition.sparseVectors.first(where: { $0.name == name }) {
          guard present.given == vector.given else { throw Self.otherVector(name) }
          return
        }
        guard !definition.vectors.contains(where: { $0.name == name }) else { throw Self.otherVector(name) }
        var vector = vector
        // A member that none has had: points may still hold what was stored under another.
        vector.member = StoredPayload.hiddenPrefix + "\(definition.sparseVectorsMade)"
        definition.sparseVectorsMade += 1
        definition.sparseVectors.append(vector)
      }
    }
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
    try Self.requireOwn(described.info)
    let vector = try described.vector(using: name)
    switch (vector.kind, vector.field) {
    case (.dense, nil):
      throw QdrantError.badRequest(
        "the vector without a name is every point's and stays; make a collection with named vectors to be free of it"
      )
    case (.dense, let field?):
      try await alter(collection) { $0.vectors.removeAll { $0.name == name } }
      do { try await engine.dropVectorField(field, from: described.name) } catch {
        // It is there still.
        if let present = described.definition.vectors.first(where: { $0.name == name }) {
          try await alter(collection) { $0.vectors.append(present) }
        }
        throw error
      }
    case (.sparse, _): try await alter(collection) { $0.sparseVectors.removeAll { $0.name == name } }
    }
  }

  // MARK: Payload indexes

  private static let indexTypes = ["keyword", "integer", "float", "geo", "text", "bool", "datetime", "uuid"]

  /// `{"field_name", "field_schema"}`.
  func createIndex(_ body: QdrantFields, on collection: String) async throws {
    let field = try body.required("field_name", try body.string("field_name"))
    _ = try QdrantPath.read(field, at: "field_name")
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
