internal import HTTPTypes
internal import HummingbirdCore
internal import MoultModel
package import MoultServer
internal import NIOCore
internal import QdrantProto
internal import SwiftProtobuf

/// An answer that says how many seconds it took.
protocol TimedMessage: SwiftProtobuf.Message {
  var time: Double { get set }
}

/// Each method is a route of REST: its message is that route's body, and its answer is made of that route's result. So
/// both protocols do the same, and refuse the same with the same words.
extension QdrantAPI {
  package var rpcMethods: [RPCMethod] {
    serviceCalls + collectionCalls + writingCalls + readingCalls + snapshotCalls
  }

  var serviceCalls: [RPCMethod] {
    [
      RPCMethod(path: "/qdrant.Qdrant/HealthCheck", .read) { _, _ in
        try Self.buffer(
          ProtoHealthCheckReply.with {
            $0.title = "qdrant - vector search engine"
            $0.version = Self.protocolVersion
          })
      }
    ]
  }

  /// - Parameters:
  ///   - service: `Points` or `Collections`.
  ///   - perform: gets the message as it came.
  func rpc<Request: SwiftProtobuf.Message, Answer: TimedMessage>(
    _ service: String, _ name: String, _ access: Access, _ request: Request.Type,
    _ perform: @escaping @Sendable (Request) async throws -> Answer
  ) -> RPCMethod {
    RPCMethod(path: "/qdrant.\(service)/\(name)", access) { message, _ in
      let start = ContinuousClock.now
      do {
        let request: Request
        do { request = try message.withUnsafeReadableBytes { try Request(serializedBytes: $0.bytes) } } catch
        {
          throw RPCError(.invalidArgument, "the message is no \(Request.protoMessageName): \(error)")
        }
        var answer = try await perform(request)
        answer.time = (ContinuousClock.now - start) / .seconds(1)
        return try Self.buffer(answer)
      } catch let error as QdrantError {
        throw RPCError(error)
      } catch let error as MoultError where error.code != .internalError && error.code != .corrupted {
        throw RPCError(QdrantError(error))
      }
    }
  }

  /// What a route answers under `result`.
  ///
  /// - Parameters:
  ///   - path: of the route, as it was added.
  ///   - collection: its parameter `name`; others are in `parameters`.
  func result(
    of method: HTTPRequest.Method, _ path: String, in collection: String = "",
    _ parameters: [String: String] = [:], waits: Bool = false, body: JSONObject? = nil
  ) async throws -> JSON {
    let call = QdrantCall(
      source: .message(
        parameters: parameters.merging(["name": collection]) { $1 }, waits: waits, body ?? JSONObject()),
      body: ByteBuffer(), start: .now)
    let response = try await handlers.handler(for: method, path)(call)
    var bytes = ByteBuffer()
    try await response.body.write(CollectingWriter { bytes.writeBuffer(&$0) })
    let answer = try bytes.withUnsafeReadableBytes { bytes in
      try JSONReader.parse(
        bytes.bindMemory(to: UInt8.self), depthMax: Self.answerDepthMax, floatKeys: Self.answerFloatKeys,
        keepsLarge: true)
    }
    return answer["result"] ?? .null
  }

  /// A payload as deep as one may be, and the levels of arrays and objects around it.
  private static let answerDepthMax = JSONText.depthMax + 16
  /// What users have stored keeps its numbers.
  private static let answerFloatKeys = JSONFloatKeys(["vector"], except: ["payload", "metadata"])

  private static func buffer(_ message: some SwiftProtobuf.Message) throws -> ByteBuffer {
    let bytes: [UInt8] = try message.serializedBytes()
    return ByteBuffer(bytes: bytes)
  }
}

extension RPCError {
  /// What REST says by a status of HTTP.
  init(_ error: QdrantError) {
    let code: Code =
      switch error.status.code {
      case 400, 413, 422: .invalidArgument
      case 401: .unauthenticated
      case 403: .permissionDenied
      case 404: .notFound
      case 405: .unimplemented
      case 408: .deadlineExceeded
      case 409: .alreadyExists
      case 429, 507: .resourceExhausted
      case 503: .unavailable
      default: .internalError
      }
    self.init(code, error.message)
  }
}

extension ProtoGetCollectionInfoResponse: TimedMessage {}
extension ProtoListCollectionsResponse: TimedMessage {}
extension ProtoCollectionOperationResponse: TimedMessage {}
extension ProtoListAliasesResponse: TimedMessage {}
extension ProtoCollectionExistsResponse: TimedMessage {}
extension ProtoPointsOperationResponse: TimedMessage {}
extension ProtoGetResponse: TimedMessage {}
extension ProtoScrollResponse: TimedMessage {}
extension ProtoCountResponse: TimedMessage {}
extension ProtoUpdateBatchResponse: TimedMessage {}
extension ProtoSearchResponse: TimedMessage {}
extension ProtoSearchBatchResponse: TimedMessage {}
extension ProtoSearchGroupsResponse: TimedMessage {}
extension ProtoRecommendResponse: TimedMessage {}
extension ProtoRecommendBatchResponse: TimedMessage {}
extension ProtoRecommendGroupsResponse: TimedMessage {}
extension ProtoDiscoverResponse: TimedMessage {}
extension ProtoDiscoverBatchResponse: TimedMessage {}
extension ProtoQueryResponse: TimedMessage {}
extension ProtoQueryBatchResponse: TimedMessage {}
extension ProtoQueryGroupsResponse: TimedMessage {}
extension ProtoFacetResponse: TimedMessage {}
extension ProtoSearchMatrixPairsResponse: TimedMessage {}
extension ProtoSearchMatrixOffsetsResponse: TimedMessage {}
extension ProtoCreateSnapshotResponse: TimedMessage {}
extension ProtoListSnapshotsResponse: TimedMessage {}
extension ProtoDeleteSnapshotResponse: TimedMessage {}
