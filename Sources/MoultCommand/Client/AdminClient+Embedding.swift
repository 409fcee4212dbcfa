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

  /// - Parameter model: in place of the collection's own, while that one is being embedded.
  func search(
    _ name: String, texts: [String], model: String? = nil, options: SearchOptions
  ) async throws -> SearchHits {
    struct Body: Encodable {
      var texts: [String]
      var model: String?
      var limit: Int
      var exact: Bool
      var ef: Int?
      var probes: Int?
      var oversampling: Double?
      var payload: Bool
      var allowPartial: Bool?
    }
    return try SearchHits(
      try await send(
        .POST, Self.path(name) + "/search",
        json: Body(
          texts: texts, model: model, limit: options.limit, exact: options.exact, ef: options.ef,
          probes: options.probes,
          oversampling: options.oversampling, payload: options.payload,
          allowPartial: options.allowPartial ? true : nil), timeout: .seconds(600)))
  }

  private struct ReembedBody: Encodable {
    var source: String
    var target: String?
    var field: String?
    var embedder: String?
    var bm25: TextVector.Weights?
    var text: String?
    var specification: EncodingSpecification
    var alias: String?
    var ifCurrent: String?
    var metric: Metric?
    var missing: MissingTextPolicy
    var maximumSetAside: Int
    var budget: Double?
    var minimumAgreement: Double
    var labelledQueries: [LabelledQuery]
    var maximumLabelledLoss: Double?
    var bridges: Bool
    var gate: WireGate
    var limits: JobLimits
    var priority: Int
    var swapAt: Int64?
    var after: [Int64]

    init(_ request: ReembedRequest) {
      source = request.source
      target = request.target
      field = request.field
      embedder = request.embedder.isEmpty ? nil : request.embedder
      bm25 = request.bm25
      text = request.text
      specification = request.specification
      alias = request.alias
      ifCurrent = request.ifCurrent
      metric = request.metric
      missing = request.missing
      maximumSetAside = request.maximumSetAside
      budget = request.budget
      minimumAgreement = request.minimumAgreement
      labelledQueries = request.labelledQueries
      maximumLabelledLoss = request.maximumLabelledLoss
      bridges = request.bridges
      gate = WireGate(request.gate)
      limits = request.limits
      priority = request.priority
      swapAt = request.swapAt
      after = request.after
    }
  }
}
