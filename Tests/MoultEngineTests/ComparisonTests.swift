import MoultEngine
import MoultModel
import MoultTesting
import Testing

@Suite("Comparison of two collections")
struct ComparisonTests {
  private let queries = SampleVectors.queries()

  private func ask(
    _ a: String, _ b: String, _ queries: ComparisonRequest.Queries, k: Int = 10, relevant: [[PointID]]? = nil
  ) -> ComparisonRequest {
    ComparisonRequest(a: a, b: b, queries: queries, k: k, relevant: relevant)
  }

  @Test("a coarse copy: recall, overlap, the paired difference and who differs agree with a plain count")
  func coarseCopy() async throws {
    let harness = try await EngineHarness()
    try await harness.importSample("words", rows: 4_000)
    try await harness.importSample("coarse", rows: 4_000)
    let job = try await harness.finish(
      try await harness.engine.startSwitch(
        "coarse",
        SwitchRequest(
          specification: EncodingSpecification(quantization: .lloyd1, oversampling: 1),
          gate: RecallGateRequest(minimumRecall: 0, queries: queries, dimension: SampleVectors.dimension))))
    #expect(job.state == .completed, "\(job)")
    let comparison = try await harness.engine.compare(
      ask("words", "coarse", .vectors(a: queries, b: queries)))

    let exact = try await harness.search("words", queries: queries, exact: true)
    let coarse = try await harness.search("coarse", queries: queries)
    let shares = zip(exact, coarse).map { Double(Set($0).intersection($1).count) / 10 }
    let mean = shares.reduce(0, +) / Double(shares.count)
    #expect(mean < 0.9, "the copy is not coarse: the test says nothing")
    #expect(comparison.queryCount == 200 && comparison.k == 10)
    #expect(comparison.a.recall.mean == 1)
    #expect(abs(comparison.b.recall.mean - mean) < 1e-9)
    #expect(abs(comparison.overlap.mean - mean) < 1e-9)
    #expect(abs(comparison.recallDifference.mean - (mean - 1)) < 0.01)
    #expect(comparison.recallDifference.upper < 0)
    let tau = try #require(comparison.rankCorrelation)
    #expect(tau > 0.3 && tau < 1)
    #expect(comparison.differences.count == 10)
    #expect(comparison.differences[0].overlap == shares.min())
    for difference in comparison.differences {
      #expect(abs(difference.overlap - shares[difference.query]) < 1e-9)
    }
    #expect(comparison.a.servedBy.collection == "words" && comparison.b.servedBy.collection == "coarse")
    #expect(comparison.a.p50Milliseconds > 0 && comparison.a.p99Milliseconds >= comparison.a.p50Milliseconds)
    try await harness.shutDown()
  }

  @Test("a collection beside itself differs in nothing, and the latest searches are what is asked")
  func itself() async throws {
    let harness = try await EngineHarness()
    try await harness.importSample("words", rows: 1_000)
    _ = try await harness.engine.createAlias("live", collection: "words")
    // Nothing was searched for yet.
    await #expect(throws: MoultError.self) {
      try await harness.engine.compare(ask("live", "words", .recent(100)))
    }
    for place in 0..<20 {
      let start = place * SampleVectors.dimension
      _ = try await harness.search("words", queries: Array(queries[start..<start + SampleVectors.dimension]))
    }
    let comparison = try await harness.engine.compare(ask("live", "words", .recent(100)))
    #expect(comparison.queryCount == 20)
    // What is measured is not what is asked: others come in no comparison after this one.
    _ = try await harness.engine.compare(ask("live", "words", .vectors(a: queries, b: queries)))
    #expect(try await harness.engine.compare(ask("live", "words", .recent(100))).queryCount == 20)
    #expect(try await harness.engine.compare(ask("live", "words", .recent(7))).queryCount == 7)
    #expect(comparison.overlap.mean == 1 && comparison.rankCorrelation == 1)
    #expect(comparison.differences.isEmpty && comparison.foundDifference == nil && comparison.a.found == nil)
    #expect(comparison.recallDifference.mean == 0)
    #expect(comparison.recallDifference.lower < 0 && comparison.recallDifference.upper > 0)
    try await harness.shutDown()
  }

  @Test("with right answers it says which side finds them, also where there are more than hits")
  func labels() async throws {
    let harness = try await EngineHarness()
    try await harness.importSample("words", rows: 1_000)
    try await harness.importSample("fewer", rows: 500)
    // Points of the sample search for themselves; half of them are not in the second collection.
    let asked = SampleVectors.base(1_000)
    let relevant = (0..<1_000).map { [PointID.int64(Int64($0))] }
    let found = try await harness.engine.compare(
      ask("words", "fewer", .vectors(a: asked, b: asked), k: 1, relevant: relevant))
    #expect(found.a.found?.mean == 1 && found.b.found?.mean == 0.5)
    let difference = try #require(found.foundDifference)
    #expect(abs(difference.mean + 0.5) < 1e-9 && difference.lower > -0.6 && difference.upper < -0.4)

    // Thirty queries that agree say little of one answer each, however many hits are looked at.
    let thirty = Array(asked.prefix(30 * SampleVectors.dimension))
    let agreeing = try await harness.engine.compare(
      ask("words", "words", .vectors(a: thirty, b: thirty), relevant: Array(relevant.prefix(30))))
    #expect(agreeing.foundDifference.map { $0.mean == 0 && $0.upper > 0.05 } == true)

    let one = Array(asked.prefix(SampleVectors.dimension))
    let many = (0..<4).map { PointID.int64(Int64($0)) }
    let quarter = try await harness.engine.compare(
      ask("words", "words", .vectors(a: one, b: one), k: 1, relevant: [many]))
    #expect(quarter.a.found?.mean == 0.25)
    try await harness.shutDown()
  }

  private func verdict(
    _ a: String, _ b: String, _ engine: Engine, minimumOverlap: Double
  ) async throws -> Comparison.Verdict? {
    var request = ask(a, b, .vectors(a: queries, b: queries))
    request.minimumOverlap = minimumOverlap
    return try await engine.compare(request).verdict
  }

  /// What a drop says; `nil` where nothing keeps it.
  private func refusal(_ drop: () async throws -> Void) async -> String? {
    do {
      try await drop()
      return nil
    } catch {
      #expect((error as? MoultError)?.code == .notProven, "\(error)")
      return (error as? MoultError)?.message
    }
  }

  @Test("what an alias has left goes when a comparison with its successor has passed, or by force")
  func verdicts() async throws {
    let harness = try await EngineHarness()
    let engine = harness.engine
    try await harness.importSample("v1", rows: 600)
    try await harness.importSample("v2", rows: 300)
    try await engine.createAlias("words", collection: "v1")
    try await engine.alterAlias("words", collection: "v2")
    func drop() async -> String? { await refusal { try await engine.dropCollection("v1", force: false) } }
    #expect(await drop()?.contains("moult compare v1 v2") == true)
    // Without a threshold it says nothing either way, and the other way round something else.
    #expect(try await engine.compare(ask("v1", "v2", .vectors(a: queries, b: queries))).verdict == nil)
    #expect(try await verdict("v2", "v1", engine, minimumOverlap: 0)?.passed == true)
    #expect(await drop()?.contains("there is none") == true)
    let failed = try await Requester.$name.withValue("ann") {
      try await verdict("v1", "v2", engine, minimumOverlap: 0.9)
    }
    #expect(failed?.passed == false)
    #expect(await drop()?.contains("has failed (\(failed?.measured ?? "-"))") == true)
    let entry = try engine.history(of: "v1", limit: 1)[0]
    #expect(entry.action == .comparisonFailed && entry.after == "v2" && entry.requestedBy == "ann")
    #expect(entry.detail == failed?.measured && entry.detail?.contains("expected 0.9") == true)

    #expect(try await verdict("v1", "v2", engine, minimumOverlap: 0.1)?.passed == true)
    // What was compared is gone.
    let job = try await engine.startSwitch(
      "v2",
      SwitchRequest(
        specification: EncodingSpecification(quantization: .int8), gate: RecallGateRequest(minimumRecall: 0)))
    #expect(try await harness.finish(job).state == .completed)
    #expect(await drop()?.contains("there is none") == true)
    #expect(try await verdict("v1", "v2", engine, minimumOverlap: 0.1)?.passed == true)
    #expect(await drop() == nil)

    // Another one of the name has not been left by anybody.
    try await harness.importSample("v1", rows: 10)
    #expect(await drop() == nil)
    // Whoever cannot say force is not asked for a proof.
    try await harness.importSample("v1", rows: 10)
    try await engine.alterAlias("words", collection: "v1")
    #expect(await refusal { try await engine.dropCollection("v2", force: false) } != nil)
    try await engine.dropCollection("v2")
    try await harness.shutDown()
  }

  @Test("a copy by a job is proven by its gates; who goes back leaves nothing that needs a proof")
  func provenByJob() async throws {
    let harness = try await EngineHarness()
    let engine = harness.engine
    try await harness.importSample("v1", rows: 300)
    try await engine.createAlias("words", collection: "v1")
    let aliases: [String?] = [nil, "words"]
    for (number, alias) in aliases.enumerated() {
      let (source, target) = ("v\(number + 1)", "v\(number + 2)")
      let job = try await engine.startReindex(
        ReindexRequest(
          source: source, target: target, specification: EncodingSpecification(), alias: alias,
          gate: RecallGateRequest(minimumRecall: 0)))
      #expect(try await harness.finish(job).state == .completed)
      if alias == nil { try await engine.alterAlias("words", collection: target) }
    }
    #expect(await refusal { try await engine.dropCollection("v1", force: false) } == nil)
    _ = try await engine.goBack("words")
    #expect(await refusal { try await engine.dropCollection("v3", force: false) } == nil)
    try await harness.shutDown()
  }

  @Test("a field that was the default goes when a comparison with the new one has passed")
  func fields() async throws {
    let harness = try await EngineHarness()
    let engine = harness.engine
    _ = try await engine.createCollection(
      "words", schema: CollectionSchema(dimension: 1, metric: .squaredEuclidean),
      fields: ["first", "old", "new", "never"].map {
        VectorField(name: $0, dimension: 1, metric: .squaredEuclidean)
      })
    let values = (0..<20).map { Float($0) }
    let vectors = FieldVectors(vectors: values, dimension: 1)
    _ = try await engine.write(
      PointBatch(
        ids: (0..<20).map { .int64($0) }, vectors: values, dimension: 1,
        fields: ["first": vectors, "old": vectors, "new": vectors, "never": vectors]), to: "words",
      mode: .upsert)
    for field in ["first", "old", "new"] { _ = try await engine.setSearchField(field, of: "words") }
    #expect(
      try engine.history(of: "words").filter { $0.action == .defaultFieldMoved }
        .map { "\($0.before ?? "-") \($0.after ?? "-")" } == ["old new", "first old", "vector first"])
    func drop(_ field: String, force: Bool = false) async -> String? {
      await refusal {
        try await engine.dropVectorField(field, from: "words", needsProof: true, force: force)
      }
    }
    #expect(await drop("never") == nil)
    #expect(await drop("first") != nil)
    #expect(await drop("first", force: true) == nil)
    #expect(await drop("old")?.contains("moult compare words:old words:new") == true)
    var request = ask("words:old", "words:new", .vectors(a: [3, 7.2], b: [3, 7.2]), k: 5)
    request.relevant = [[.int64(3)], [.int64(7)]]
    request.maximumLoss = 1
    let verdict = try await engine.compare(request).verdict
    #expect(verdict?.passed == true && verdict?.measured.contains("found of what it should") == true)
    #expect(await drop("old") == nil)
    // Whatever the names: the first field has its own.
    #expect(await drop("vector")?.contains("moult compare words:vector words:new") == true)
    // Searches of the whole collection take the default already, so this says nothing of the first field.
    request = ask("words", "words:new", .vectors(a: [3, 7.2], b: [3, 7.2]), k: 5)
    request.minimumOverlap = 1
    #expect(try await engine.compare(request).verdict?.passed == true)
    #expect(await drop("vector") != nil)
    try await harness.shutDown()
  }

  @Test("a placeholder is compared with nothing")
  func placeholder() async throws {
    let harness = try await EngineHarness()
    for name in ["a", "b"] {
      _ = try await harness.engine.createCollection(
        name,
        schema: CollectionSchema(
          dimension: PlaceholderField.dimension, metric: PlaceholderField.metric,
          vectorField: PlaceholderField.name))
    }
    let request = ask("a", "b", .vectors(a: [0], b: [0]))
    let error = await #expect(throws: MoultError.self) { _ = try await harness.engine.compare(request) }
    #expect(error?.code == .invalidArgument, "\(error?.message ?? "")")

    // Where each vector has to be named any two fields are a proof, and where there is none nothing is asked for.
    let engine = harness.engine
    try await engine.createAlias("words", collection: "a")
    try await engine.alterAlias("words", collection: "b")
    for name in ["a", "b"] {
      try await engine.addVectorField(VectorField(name: "dense", dimension: 1), to: name)
      _ = try await engine.write(
        PointBatch(
          ids: [.int64(1), .int64(2)], vectors: [0, 0], dimension: 1,
          fields: ["dense": FieldVectors(vectors: [1, -1], dimension: 1)]), to: name, mode: .upsert)
    }
    func drop() async -> String? { await refusal { try await engine.dropCollection("a", force: false) } }
    #expect(await drop()?.contains("moult compare a:dense b:dense") == true)
    var fields = ask("a:dense", "b:dense", .vectors(a: [1], b: [1]), k: 1)
    fields.minimumOverlap = 1
    #expect(try await engine.compare(fields).verdict?.passed == true)
    #expect(await drop() == nil)
    try await harness.shutDown()
  }

  @Test("what cannot be compared is refused with what was expected")
  func refusals() async throws {
    let harness = try await EngineHarness()
    try await harness.importSample("words", rows: 100)
    _ = try await harness.engine.createCollection(
      "small", schema: CollectionSchema(dimension: 4, metric: .squaredEuclidean))
    let one = Array(queries.prefix(SampleVectors.dimension))
    let wrong: [(ComparisonRequest, String)] = [
      (ask("words", "words", .vectors(a: one, b: one), k: 0), "k must be in 1 … 100"),
      (ask("words", "words", .vectors(a: one, b: one), k: 101), "k must be in 1 … 100"),
      (ask("words", "small", .vectors(a: one, b: one)), "of 4 for 'small'"),
      (ask("words", "small", .recent(10)), "is of another"),
      (ask("words", "words", .vectors(a: [], b: [])), "expected 1 … 2000 queries"),
      (
        ask("words", "words", .vectors(a: one, b: one), relevant: []),
        "0 lists of relevant points for 1 queries"
      ),
      (ask("words", "words", .texts(["a cat"])), "it is not known which model"),
      (ask("words", "words", .texts([])), "expected 1 … 2000 texts"),
      (
        ComparisonRequest(
          a: "words", b: "words", queries: .vectors(a: one, b: one), k: 1, minimumOverlap: 1.5),
        "minimumOverlap must be in 0 … 1"
      ),
      (
        ComparisonRequest(a: "words", b: "words", queries: .vectors(a: one, b: one), k: 1, maximumLoss: 0),
        "give 'relevant' too"
      ),
    ]
    for (request, text) in wrong {
      let error = await #expect(throws: MoultError.self) { try await harness.engine.compare(request) }
      #expect(
        error?.code == .invalidArgument && error?.message.contains(text) == true,
        "\(text): \(String(describing: error))")
    }
    let missing = await #expect(throws: MoultError.self) {
      try await harness.engine.compare(ask("words", "none", .vectors(a: one, b: one)))
    }
    #expect(missing?.code == .collectionNotFound)
    try await harness.shutDown()
  }
}
