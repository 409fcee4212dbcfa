internal import MoultEngine
internal import MoultModel
internal import MoultServer

/// What Qdrant's clients can ask for, in Qdrant's meaning and with its failures: REST and gRPC only translate to this
/// and back.
struct QdrantOperations: Sendable {
  let engine: Engine

  /// Reads from one collection to the end: definition and answer are of the same one, also while the alias `name`
  /// moves.
  ///
  /// - Parameter name: as clients say it: of a collection or an alias.
  /// - Throws: 404 when there is none; 403 when the caller's token does not let him read it.
  func reading<Value>(
    _ name: String, _ body: (_ collection: QdrantCollection) async throws -> Value
  ) async throws -> Value {
    try Self.requireReadable(name)
    do {
      return try await engine.reading(QdrantName.encoded(name)) { info in
        try await body(try QdrantCollection(info))
      }
    } catch let error as MoultError where error.code == .collectionNotFound {
      throw QdrantError.noCollection(name)
    }
  }

  /// By name or alias. - Throws: 404; 403 when the caller's token does not let him read it.
  func describe(_ name: String) throws -> QdrantCollection {
    try Self.requireReadable(name)
    do {
      let asked = QdrantName.encoded(name)
      return try QdrantCollection(try engine.describeCollection(asked), asked: asked)
    } catch let error as MoultError where error.code == .collectionNotFound {
      throw QdrantError.noCollection(name)
    }
  }
}

extension QdrantError {
  /// Clients match this text.
  static func noCollection(_ name: String) -> QdrantError {
    .notFound("Collection `\(name)` doesn't exist!")
  }
}
