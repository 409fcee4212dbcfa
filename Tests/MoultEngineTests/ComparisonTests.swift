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
