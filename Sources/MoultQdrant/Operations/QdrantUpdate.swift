internal import MoultServer
internal import Synchronization

/// What becomes of a write: it is durable and visible.
struct QdrantUpdate: Sendable {
  /// Of this server's run.
  var operationID: UInt64

  private static let count = Atomic<UInt64>(0)

  init() { operationID = Self.count.add(1, ordering: .relaxed).oldValue }

  /// - Parameter waited: clients that did not ask to wait are told `acknowledged`, as by Qdrant.
  func write(to json: inout JSONWriter, waited: Bool) {
    json.beginObject()
    json.member("operation_id", Int64(operationID))
    json.member("status", waited ? "completed" : "acknowledged")
    json.endObject()
  }
}
