internal import MoultEngine
internal import MoultModel

/// What Qdrant's clients can ask for, in Qdrant's meaning and with its failures: REST and gRPC only translate to this
/// and back.
struct QdrantOperations: Sendable {
  let engine: Engine
}
