internal import MoultEngine
internal import MoultModel
internal import MoultServer

/// What Milvus' clients can ask for, in Milvus' meaning and with its failures: REST and gRPC only translate to this
/// and back.
struct MilvusOperations: Sendable {
  let engine: DatabaseEngine
  let imports: ImportDirectory
  static var database: String { MilvusAPI.database }

  /// Runs an operation; failures come out as Milvus tells them.
  ///
  /// - Parameter names: of the request, for messages.
  func run<Value>(_ names: MilvusNames, _ body: () async throws -> Value) async throws -> Value {
    do {
      return try await body()
    } catch let error as MoultError where error.code != .internalError && error.code != .corrupted {
      throw error.milvusError(names)
    }
  }

  /// Reads from one collection to the end: schema and answer are of the same one, also while the alias `name` moves.
  func reading<Value>(
    _ name: String, _ body: (_ collection: DescribedCollection) async throws -> Value
  ) async throws -> Value {
    try NameCheck.collection(name)
    return try await engine.reading(name) { info in
      try await body(DescribedCollection(info: info, definition: try CollectionDefinition(of: info)))
    }
  }
}
