import Foundation
import MoultQdrant
import MoultServer
import MoultServerTesting
import MoultTesting

/// A server that speaks Qdrant's protocol, and what it says.
func withQdrant<Value: Sendable>(
  directory: TemporaryDirectory = TemporaryDirectory(), key: String? = nil, readOnlyKey: String? = nil,
  bodyBytesMax: Int = QdrantAPI.defaultBodyBytesMax,
  _ body: @Sendable @escaping (ServerHarness) async throws -> Value
) async throws -> Value {
  try await ServerHarness.with(
    directory: directory,
    ports: { engine in
      [
        ProtocolPort(
          port: 0, wire: QdrantAPI(engine: engine, bodyBytesMax: bodyBytesMax),
          tokens: key.map { AccessTokens(readWrite: $0, readOnly: readOnlyKey) }, bodyBytesMax: bodyBytesMax)
      ]
    }, body)
}

extension ServerHarness {
  func put(_ path: String, _ json: String, headers: [(String, String)] = []) async throws -> Answer {
    try await send(.put, path, Array(json.utf8), headers: headers)
  }
}

extension ServerHarness.Answer {
  var result: JSON? { get throws { try json["result"] } }
  var failure: String? { get throws { try json["status"]?["error"]?.string } }
}
