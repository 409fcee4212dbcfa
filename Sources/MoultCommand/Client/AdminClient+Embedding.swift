internal import MoultModel
internal import NIOHTTP1

extension AdminClient {
  func embedders() async throws -> [Embedder] {
    struct List: Decodable { var embedders: [Embedder] }
    let list: List = try await get(Self.root + "/embedders")
    return list.embedders
  }

  func addEmbedder(_ embedder: Embedder) async throws -> Embedder {
    try await post(Self.root + "/embedders", embedder)
  }

  func removeEmbedder(_ name: String) async throws {
    _ = try await send(.DELETE, "\(Self.root)/embedders/\(Self.escaped(name))")
  }

  func setEmbedder(_ embedder: String?, of name: String) async throws {
    struct Body: Encodable { var embedder: String? }
    _ = try await send(.PUT, Self.path(name) + "/embedder", json: Body(embedder: embedder))
  }

  func startReembed(_ request: ReembedRequest) async throws -> JobInfo {
    try await post(Self.root + "/reembed", ReembedBody(request))
  }

  func planReembed(_ request: ReembedRequest) async throws -> EmbeddingPlan {
    try await post(Self.root + "/reembed/plan", ReembedBody(request), timeout: .seconds(3_600))
  }

  func search(_ name: String, texts: [String], options: SearchOptions) async throws -> SearchHits {
    struct Body: Encodable {
      var texts: [String]
      var limit: Int
      var exact: Bool
      var ef: Int?
      var probes: Int?
      var oversampling: Double?
      var payload: Bool
    }
    return try SearchHits(
      try await send(
        .POST, Self.path(name) + "/search",
        json: Body(
          texts: texts, limit: options.limit, exact: options.exact, ef: options.ef, probes: options.probes,
          oversampling: options.oversampling, payload: options.payload), timeout: .seconds(600)))
  }

  private struct ReembedBody: Encodable {
    var source: String
    var target: String
    var embedder: String
    var text: String?
    var specification: EncodingSpecification
    var alias: String?
    var ifCurrent: String?
    var metric: Metric?
    var missing: MissingTextPolicy
    var maximumSetAside: Int
    var budget: Double?
    var minimumAgreement: Double
    var gate: WireGate
    var limits: JobLimits
    var priority: Int
    var swapAt: Int64?
    var after: [Int64]

    init(_ request: ReembedRequest) {
      source = request.source
      target = request.target
      embedder = request.embedder
      text = request.text
      specification = request.specification
      alias = request.alias
      ifCurrent = request.ifCurrent
      metric = request.metric
      missing = request.missing
      maximumSetAside = request.maximumSetAside
      budget = request.budget
      minimumAgreement = request.minimumAgreement
      gate = WireGate(request.gate)
      limits = request.limits
      priority = request.priority
      swapAt = request.swapAt
      after = request.after
    }
  }
}
