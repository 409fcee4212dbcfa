internal import MilvusProto
internal import MoultServer
internal import SwiftProtobuf

/// What clients ask before anything else.
extension MilvusAPI {
  /// Whose protocol is spoken: clients look at it to know what they may ask.
  private static let serverVersion = "v2.6.0-moult"

  var connectionCalls: [RPCMethod] {
    [
      rpc("Connect", .read, ProtoConnectRequest.self) { _ in
        ProtoConnectResponse.with {
          // 0 would mean a server that knows no connections.
          $0.identifier = Int64(clock.next() >> 1)
          $0.serverInfo.buildTags = Self.serverVersion
          $0.serverInfo.deployMode = "STANDALONE"
        }
      },
      rpc("GetVersion", .read, ProtoGetVersionRequest.self) { _ in
        ProtoGetVersionResponse.with { $0.version = Self.serverVersion }
      },
      rpc("CheckHealth", .read, ProtoCheckHealthRequest.self) { _ in
        ProtoCheckHealthResponse.with { $0.isHealthy = true }
      },
      rpc("AllocTimestamp", .read, ProtoAllocTimestampRequest.self) { _ in
        ProtoAllocTimestampResponse.with { $0.timestamp = clock.next() }
      },
    ]
  }
}
