internal import HTTPTypes
internal import Hummingbird
internal import MoultEngine
internal import MoultModel

extension AdminAPI {
  func addEmbedderRoutes(to group: GuardedRoutes) {
    group.on(.get, "embedders", .read) { _, _ in try Self.answer(["embedders": engine.embedders]) }
    group.on(.post, "embedders", .write) { request, _ in
      let embedder = try await fields(of: request).fields.embedder()
      try await engine.addEmbedder(embedder)
      return try Self.answer(embedder, status: .created)
    }
    group.on(.delete, "embedders/{embedder}", .write) { _, context in
      try await engine.removeEmbedder(try context.pathPart("embedder"))
      return Response(status: .noContent)
    }
    group.on(.put, "collections/{name}/embedder", .write) { request, context in
      let name = try context.pathPart("name")
      let fields = try await fields(of: request).fields
      try fields.refuseOthers(than: ["embedder"])
      try await engine.setEmbedder(try fields.string("embedder"), of: name)
      return Response(status: .noContent)
    }
    group.on(.post, "reembed", .write) { request, _ in
      try Self.answer(
        try await engine.startReembed(try await reembedRequest(of: request)), status: .accepted)
    }
    group.on(.post, "reembed/plan", .read) { request, _ in
      try Self.answer(try await engine.planReembed(try await reembedRequest(of: request)))
    }
  }

  private func reembedRequest(of request: Request) async throws -> ReembedRequest {
    let fields = try await fields(of: request, floatKeys: ["queries"]).fields
    try fields.refuseOthers(than: [
      "source", "target", "field", "embedder", "bm25", "text", "specification", "alias", "ifCurrent",
      "metric",
      "missing",
      "maximumSetAside", "budget", "minimumAgreement", "labelledQueries",
      "maximumLabelledLoss", "bridges", "gate", "limits", "priority", "swapAt", "after",
    ])
    let source = try fields.requiredString("source")
    let bm25 = try fields.fields("bm25").map { (fields) throws(MoultError) in try fields.textWeights() }
    let index = try engine.describeCollection(source).generation.specification.index
    return ReembedRequest(
      source: source, target: try fields.string("target"), field: try fields.string("field"),
      embedder: try bm25 == nil ? fields.requiredString("embedder") : fields.string("embedder") ?? "",
      bm25: bm25,
      text: try fields.string("text"),
      specification: try fields.encodingSpecification("specification", index: index)
        ?? EncodingSpecification(index: index),
      alias: try fields.string("alias"), ifCurrent: try fields.string("ifCurrent"),
      metric: try fields.word("metric", Metric.self),
      missing: try fields.word("missing", MissingTextPolicy.self) ?? .fail,
      maximumSetAside: try fields.int("maximumSetAside") ?? 0, budget: try fields.double("budget"),
      minimumAgreement: try fields.double("minimumAgreement") ?? 0,
      labelledQueries: try fields.labelledQueries("labelledQueries"),
      maximumLabelledLoss: try fields.double("maximumLabelledLoss"),
      bridges: try fields.bool("bridges") ?? true,
      gate: try fields.recallGate("gate"), priority: try fields.int("priority") ?? 0,
      swapAt: try fields.moment("swapAt"), limits: try fields.jobLimits("limits"),
      after: try fields.jobs("after"))
  }
}

extension RequestFields {
  fileprivate func textWeights() throws(MoultError) -> TextVector.Weights {
    try refuseOthers(than: ["k", "b", "averageLength"])
    var weights = TextVector.Weights()
    weights.k = try double("k") ?? weights.k
    weights.b = try double("b") ?? weights.b
    weights.averageLength = try double("averageLength") ?? weights.averageLength
    return weights
  }

  fileprivate func labelledQueries(_ name: String) throws(MoultError) -> [LabelledQuery] {
    var queries: [LabelledQuery] = []
    for (place, json) in (try array(name) ?? []).enumerated() {
      let what = "\(name)[\(place)]"
      let fields = try RequestFields(json, what: what)
      try fields.refuseOthers(than: ["text", "relevant"])
      var relevant: [PointID] = []
      for id in try fields.array("relevant") ?? [] {
        switch id {
        case .int(let number): relevant.append(.int64(number))
        case .string(let text): relevant.append(.string(text))
        default: throw failure("\(what).relevant", "expected ids, integers or strings, got \(id.kind)")
        }
      }
      queries.append(LabelledQuery(text: try fields.requiredString("text"), relevant: relevant))
    }
    return queries
  }

  fileprivate func embedder() throws(MoultError) -> Embedder {
    try refuseOthers(than: [
      "name", "url", "model", "vectors", "ids", "dimension", "sendsDimension", "documentPrefix",
      "queryPrefix",
      "keyFile", "keyVariable", "batchTexts", "streams", "timeoutSeconds", "requestsPerMinute",
      "tokensPerMinute", "pricePerMillionTokens",
    ])
    guard let dimension = try int("dimension") else { throw missing("dimension", expected: "an integer") }
    return Embedder(
      name: try requiredString("name"), url: try string("url"), model: try string("model"),
      vectors: try string("vectors"), ids: try string("ids"), dimension: dimension,
      sendsDimension: try bool("sendsDimension") ?? false,
      documentPrefix: try string("documentPrefix") ?? "", queryPrefix: try string("queryPrefix") ?? "",
      keyFile: try string("keyFile"), keyVariable: try string("keyVariable"),
      batchTexts: try int("batchTexts") ?? Embedder.batchTextsDefault,
      streams: try int("streams") ?? Embedder.streamsDefault,
      timeoutSeconds: try double("timeoutSeconds") ?? Embedder.timeoutSecondsDefault,
      requestsPerMinute: try double("requestsPerMinute"), tokensPerMinute: try double("tokensPerMinute"),
      pricePerMillionTokens: try double("pricePerMillionTokens"))
  }
}
