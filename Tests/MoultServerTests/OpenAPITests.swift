import Foundation
import Hummingbird
import MoultEngine
import MoultModel
import MoultServerTesting
import Testing

@testable import MoultServer

@Suite("OpenAPI")
struct OpenAPITests {
  private let document: JSON

  init() throws {
    document = try JSONReader.parse(OpenAPI.document)
  }

  @Test("the document and the routes agree, both ways")
  func routes() async throws {
    let registered = try await ServerHarness.with { server in
      let router = ServerRoutes(engine: server.engine, configuration: ServerConfiguration(), protocols: [])
        .router()
      return Set(router.routes.map { "\($0.method.rawValue) \($0.path)" })
    }
    var documented: Set<String> = []
    for path in try #require(document["paths"]?.object).members {
      for operation in path.value.object?.members ?? [] where operation.key != "parameters" {
        documented.insert("\(operation.key.uppercased()) \(path.key)")
      }
    }
    #expect(documented.subtracting(registered).isEmpty, "documented, but not served")
    #expect(registered.subtracting(documented).isEmpty, "served, but not documented")
  }

  @Test("every parameter of a path is documented, every reference leads somewhere")
  func references() throws {
    for path in try #require(document["paths"]?.object).members {
      let inPath = path.key.split(separator: "/").filter { $0.hasPrefix("{") }.map {
        $0.dropFirst().dropLast()
      }
      let documented = path.value["parameters"]?.array?.compactMap { $0["name"]?.string } ?? []
      #expect(Set(inPath.map(String.init)) == Set(documented), "\(path.key)")
    }
    try checkReferences(document)
  }

  private func checkReferences(_ json: JSON) throws {
    if case .string(let reference)? = json["$ref"] {
      var target: JSON? = document
      for step in reference.dropFirst(2).split(separator: "/") { target = target?[String(step)] }
      #expect(target != nil, "\(reference)")
    }
    for member in json.object?.members ?? [] { try checkReferences(member.value) }
    for element in json.array ?? [] { try checkReferences(element) }
  }

  /// Names of a type's members when all of them are there.
  private func members(_ value: some Encodable) throws -> Set<String> {
    let json = try JSONReader.parse(Array(try JSONEncoder().encode(value)))
    return Set(try #require(json.object).members.map(\.key))
  }

  private func properties(_ schema: String) throws -> Set<String> {
    let properties = document["components"]?["schemas"]?[schema]?["properties"]?.object
    return Set(try #require(properties, "\(schema)").members.map(\.key))
  }

  @Test("schemas have the properties of the values that are answered")
  func schemas() throws {
    let recall = MeasuredRecall(mean: 1, lower: 1, upper: 1, queryCount: 1, k: 1)
    let policy = RescoringPolicy(
      targetRecall: 0.9, z: 1, candidates: 1, k: 1, expectedRecall: recall, meanEvaluations: 1)
    let report = SwitchReport(
      recallBefore: recall, recallAfter: recall,
      recallDifference: RecallDifference(mean: 0, lower: 0, upper: 0, queryCount: 1), recallFlat: recall,
      recallWithoutRescoring: recall, rescoring: policy, maximumLoss: 0,
      graph: GraphWork(kind: .kept, index: "ivf", reason: "", seconds: 0))
    let specification = EncodingSpecification(
      quantization: .int8, bits: 4, quantile: 0.99, dimensions: 2, oversampling: 2, targetRecall: 0.9)
    let generation = GenerationInfo(
      id: 1, state: .live, specification: specification, bytesPerVector: 1, createdAt: 1, publishedAt: 1,
      report: report)
    let text = TextVector(
      name: "", member: "", template: "", fillsMissing: false, weights: TextVector.Weights())
    let schema = CollectionSchema(
      dimension: 2, textVectors: TextVectors(made: 1, vectors: [text]), searchField: "",
      isPartial: true)
    let progress = JobInfo.Progress(phase: "", rowsDone: 0, rowsTotal: 0, rowsPerSecond: 1, etaSeconds: 1)

    var embedding = EmbeddingReport(embedder: "")
    embedding.cost = 0
    embedding.agreement = 0
    embedding.knownItems = 0
    embedding.note(.int64(1), "")
    let difference = RecallDifference(mean: 0, lower: 0, upper: 0, queryCount: 1)
    let labelled = LabelledProof(
      k: 10, queries: 1, ignored: 0, recallBefore: 0, recallAfter: 0, ndcgBefore: 0, ndcgAfter: 0,
      recallChange: difference, ndcgChange: difference)
    let bridge = BridgeReport(
      oldModel: "", newModel: "", pairs: 1, recall: recall, recallUnmapped: recall, recallOfDocuments: recall)
    embedding.labelled = labelled
    embedding.payloads = PayloadComparison(points: 0, digest: "")
    embedding.bridge = bridge
    embedding.requestSeconds = 0

    #expect(try members(recall) == properties("MeasuredRecall"))
    #expect(try members(report.recallDifference!) == properties("RecallDifference"))
    #expect(try members(policy) == properties("RescoringPolicy"))
    #expect(try members(report) == properties("SwitchReport"))
    #expect(try members(specification) == properties("EncodingSpecification"))
    #expect(try members(generation) == properties("GenerationInfo"))
    #expect(try members(schema) == properties("CollectionSchema"))
    #expect(try members(text) == properties("TextVector"))
    #expect(
      try members(
        CollectionInfo(
          name: "", id: 1, schema: schema, count: 0, aliases: [], generation: generation,
          previousGeneration: generation, createdAt: 0, updatedAt: 0, ready: true))
        == properties("CollectionInfo"))
    #expect(try members(progress) == properties("JobProgress"))
    #expect(
      try members(
        JobInfo(
          id: 1, kind: "", subject: "", state: .running, attempt: 1, attemptsMax: 1, progress: progress,
          createdAt: 0,
          startedAt: 0, finishedAt: 0, runAt: 0, cancelRequested: false, error: "", errorCode: "",
          report: report, generation: 1, heldUntil: 0, requestedBy: "", after: [1], roomNeeded: 1,
          embedding: embedding))
        == properties("JobInfo"))
    #expect(try members(embedding) == properties("EmbeddingReport"))
    #expect(try members(labelled) == properties("LabelledProof"))
    #expect(try members(embedding.payloads!) == properties("PayloadComparison"))
    #expect(try members(bridge) == properties("BridgeReport"))
    #expect(try members(LabelledQuery(text: "", relevant: [.int64(1)])) == properties("LabelledQuery"))
    #expect(try members(embedding.exceptions[0]) == properties("EmbeddingException"))
    #expect(
      try members(
        EmbeddingPlan(
          points: 0, distinctTexts: 0, cachedTexts: 0, skipped: 0, exceptions: [], tokens: 0, requests: 0,
          secondsMin: 0, secondsExpected: 0, cost: 0, diskNeeded: 0, example: ""))
        == properties("EmbeddingPlan"))
    #expect(
      try members(
        Embedder(
          name: "", url: "", model: "", vectors: "", ids: "", dimension: 1, keyFile: "", keyVariable: "",
          requestsPerMinute: 1, tokensPerMinute: 1, pricePerMillionTokens: 1)) == properties("Embedder"))
    #expect(
      try members(
        ReembedRequest(
          source: "", target: "", field: "", embedder: "", bm25: TextVector.Weights(), text: "", alias: "",
          ifCurrent: "", metric: .cosine, budget: 1, maximumLabelledLoss: 0, swapAt: 0))
        == properties("Reembed"))
    let info = JobInfo(
      id: 1, kind: "", subject: "", state: .running, attempt: 1, attemptsMax: 1, progress: progress,
      createdAt: 0, startedAt: 0, finishedAt: 0, runAt: 0, cancelRequested: false, error: "", errorCode: "",
      report: report, generation: 1)
    let status = JobStatus(
      job: info, building: 1, lagOperations: 1, gate: .pending, memoryBytes: 1, p99Change: 0, diskFree: 1)
    #expect(try members(status) == properties("JobStatus"))
    #expect(
      try members(
        CollectionStatus(
          collection: "", generation: 1, specification: specification, rows: 1, jobs: [status], last: info))
        == properties("CollectionStatus"))
    #expect(
      try members(JobLimits(rowsPerSecond: 1, maximumP99Rise: 1, memoryBytes: 1))
        == properties("JobLimitsChange"))
    #expect(try members(SwitchPlan.Tier(kind: .codes, before: 1, after: 1)) == properties("PlannedTier"))
    let planned = SwitchPlan.Recall(searched: recall, codesAlone: recall, rows: 1, querySource: .given)
    #expect(try members(planned) == properties("PlannedRecall"))
    // On the wire the queries tell their dimension themselves.
    #expect(
      try members(RecallGateRequest(maximumLoss: 0)).subtracting(["dimension"]) == properties("RecallGate"))
    #expect(
      try members(JobLimits(rowsPerSecond: 1, maximumP99Rise: 1, memoryBytes: 1)) == properties("JobLimits"))
    #expect(
      try members(
        SwitchPlan(
          rows: 1, bytesPerVectorBefore: 1, bytesPerVectorAfter: 1, graph: .kept, trainingRows: 1,
          diskNeeded: 1,
          diskFree: 1, memoryNeeded: 1, memoryFree: 1, predictedSeconds: 1, basis: "", recall: planned))
        == properties("SwitchPlan"))
    #expect(try members(SwitchRequest(specification: specification, swapAt: 0)) == properties("Switch"))
    #expect(
      try members(
        ReindexRequest(
          source: "", target: "", specification: specification, alias: "", swapAt: 0, ifCurrent: ""))
        == properties("Reindex"))
    #expect(
      try members(
        HistoryEntry(
          action: .aliasMoved, name: "", before: "", after: "", detail: "", job: 1, requestedBy: ""))
        == properties("HistoryEntry"))
    let restored = RestoreReport.Collection(
      name: "", source: "", rows: 0, sequence: 0, generation: 0, replaced: false)
    #expect(try members(restored) == properties("RestoredCollection"))
    #expect(try members(RestoreReport(collections: [], aliases: [])) == properties("RestoreReport"))
    #expect(try members(AliasChange(alias: "", before: "", after: "")) == properties("AliasChange"))
    #expect(try members(AdminAPI.AliasEntry(alias: "", collection: "")) == properties("Alias"))
  }

  @Test("enumerations list the words that are taken")
  func words() throws {
    func words(_ schema: String, _ property: String) throws -> [String] {
      let values = document["components"]?["schemas"]?[schema]?["properties"]?[property]?["enum"]?.array
      return try #require(values).compactMap(\.string)
    }
    #expect(try words("EncodingSpecification", "quantization") == Quantization.allCases.map(\.rawValue))
    #expect(try words("EncodingSpecification", "transform") == Transform.allCases.map(\.rawValue))
    #expect(try words("CollectionSchema", "metric") == Metric.allCases.map(\.rawValue))
    #expect(try words("Reembed", "metric") == Metric.allCases.map(\.rawValue))
    #expect(try words("Reembed", "missing") == MissingTextPolicy.allCases.map(\.rawValue))
    #expect(try words("CreateCollection", "metric") == Metric.allCases.map(\.rawValue))
    #expect(try words("CollectionSchema", "keyKind") == CollectionSchema.KeyKind.allCases.map(\.rawValue))
    #expect(
      try words("CollectionSchema", "elementType") == CollectionSchema.ElementType.allCases.map(\.rawValue))
    #expect(try words("JobInfo", "state") == JobInfo.State.allCases.map(\.rawValue))
    #expect(try words("HistoryEntry", "action") == HistoryEntry.Action.allCases.map(\.rawValue))
    #expect(try words("JobStatus", "gate") == JobStatus.Gate.allCases.map(\.rawValue))
    #expect(try words("PlannedTier", "kind") == SwitchPlan.Tier.Kind.allCases.map(\.rawValue))
    #expect(try words("GenerationInfo", "state") == GenerationInfo.State.allCases.map(\.rawValue))
  }

  @Test("answers of points and searches have no property that is not documented")
  func answers() async throws {
    let (hit, point, written, health) = try await ServerHarness.with { server in
      try await server.makeLine()
      let path = "/moult/v1/collections/line"
      _ = try await server.post(path + "/fields", #"{"name":"title","dimension":1}"#)
      _ = try await server.post(
        path + "/points",
        #"{"points":[{"id":1,"vector":[0,0],"payload":{"word":"a"},"fields":{"title":[1]}}]}"#)
      let search = try await server.post(
        path + "/search",
        #"{"queries":[[0,0]],"limit":1,"payload":true,"vectors":true,"groupBy":{"field":"word"}}"#)
      let page = try await server.get(path + "/points?limit=1", headers: [("Accept", "application/json")])
      return (
        try search.json["hits"]?.array?[0].array?[0], try page.json["points"]?.array?[0],
        try await server.post(path + "/points/delete", #"{"ids":[1]}"#).json,
        try await server.get("/healthz").json
      )
    }
    for (value, schema) in [
      (hit, "SearchHit"), (point, "Point"), (written, "WriteResult"), (health, "Health"),
    ] {
      let keys = Set(try #require(value?.object).members.map(\.key))
      #expect(try keys == properties(schema), "\(schema)")
    }
  }
}
