import MoultEngine
import MoultMilvus
import MoultServer
import MoultServerTesting
import Testing

/// A real server that speaks Milvus' REST protocol.
func withMilvus<Value: Sendable>(
  token: String? = nil, readOnlyToken: String? = nil,
  bodyBytesMax: Int = ServerConfiguration.defaultBodyBytesMax,
  queuedSearchesMax: Int = EngineConfiguration.defaultQueuedSearchesMax,
  _ body: @Sendable @escaping (ServerHarness) async throws -> Value
) async throws -> Value {
  try await ServerHarness.with(
    token: token, readOnlyToken: readOnlyToken, bodyBytesMax: bodyBytesMax,
    queuedSearchesMax: queuedSearchesMax, protocols: { [MilvusAPI(engine: $0, bodyBytesMax: bodyBytesMax)] },
    body)
}

extension ServerHarness {
  /// `POST /v2/vectordb/<path>`, which answers with HTTP 200 whatever happened.
  func milvus(
    _ path: String, _ body: String, headers: [(String, String)] = [],
    sourceLocation: SourceLocation = #_sourceLocation
  ) async throws -> Answer {
    let answer = try await post("/v2/vectordb/\(path)", body, headers: headers)
    #expect(answer.status == 200, "\(answer.text)", sourceLocation: sourceLocation)
    return answer
  }

  /// Expects `{"code":0,"data":…}` and gives `data`.
  @discardableResult
  func success(
    _ path: String, _ body: String, sourceLocation: SourceLocation = #_sourceLocation
  ) async throws -> JSON {
    let answer = try await milvus(path, body, sourceLocation: sourceLocation)
    let json = try answer.json
    #expect(json["code"] == .int(0), "\(answer.text)", sourceLocation: sourceLocation)
    return try #require(json["data"], sourceLocation: sourceLocation)
  }

  /// Expects `{"code":code,"message":"…"}` and gives the message.
  @discardableResult
  func failure(
    _ code: Int64, _ path: String, _ body: String, sourceLocation: SourceLocation = #_sourceLocation
  ) async throws -> String {
    let answer = try await milvus(path, body, sourceLocation: sourceLocation)
    let json = try answer.json
    #expect(json["code"] == .int(code), "\(answer.text)", sourceLocation: sourceLocation)
    #expect(json["data"] == nil, sourceLocation: sourceLocation)
    return try #require(json["message"]?.string, sourceLocation: sourceLocation)
  }

  /// Quick form, dimension 2, squared Euclidean.
  func makeCollection(_ name: String, _ more: String = "") async throws {
    try await success(
      "collections/create", #"{"collectionName":"\#(name)","dimension":2,"metricType":"L2"\#(more)}"#)
  }

  /// Four points on a line.
  func makeLine(_ name: String = "line") async throws {
    try await makeCollection(name)
    try await success(
      "entities/insert",
      """
      {"collectionName":"\(name)","data":[{"id":1,"vector":[0,0],"word":"one","tags":["a", "b"]},
      {"id":2,"vector":[1,0],"word":"two","big":9007199254740993},{"id":3,"vector":[2,0]},{"id":4,"vector":[3,0]}]}
      """)
  }
}
