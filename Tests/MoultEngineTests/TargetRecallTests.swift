import MoultEngine
import MoultModel
import MoultTesting
import Testing

@Suite("Targets of recall")
struct TargetRecallTests {
  /// So coarse that the usual oversampling finds far less than the target.
  private let coarse = EncodingSpecification(quantization: .segmented, bits: 0.25, targetRecall: 0.95)
  private let queries = SampleVectors.queries()

  private func gate(_ queries: [Float]? = nil) -> RecallGateRequest {
    RecallGateRequest(minimumRecall: 0, queries: queries ?? self.queries, dimension: SampleVectors.dimension)
  }

  private func isReached(_ recall: MeasuredRecall?, _ target: Double) -> Bool {
    recall.map { $0.upper >= target } ?? false
  }

  @Test(
    "a switch calibrates on half of its queries; searches follow the policy through restart and rollback",
    arguments: [IndexSpecification.flat, .hnsw(m: 16, efConstruction: 100)])
  func followsThePolicy(index: IndexSpecification) async throws {
    let directory = TemporaryDirectory()
    let truth = SampleVectors.truth()
    var specification = coarse
    specification.index = index
    let policy: RescoringPolicy
    let expected: [[PointID]]
    do {
      let harness = try await EngineHarness(directory: directory, segmentRowsMax: 4_000)
      try await harness.importSample("words", rows: 10_000)
      let job = try await harness.finish(
        try await harness.engine.startSwitch(
          "words", SwitchRequest(specification: specification, gate: gate())))
      #expect(job.state == .completed, "\(job)")
      let report = try #require(job.report)
      policy = try #require(report.rescoring)
      #expect(policy.targetRecall == 0.95 && policy.k == 10 && policy.isShown && policy.z != nil)
      #expect(report.recallAfter?.queryCount == 100 && report.recallBefore?.queryCount == 100)
      #expect(isReached(report.recallAfter, 0.95))
      #expect(policy.meanEvaluations > 10 && policy.meanEvaluations < 0.95 * Double(policy.candidates))
      #expect(report.notes.count == 1, "\(report.notes)")
      #expect(report.notes[0].hasPrefix("learned directions save about "))

      expected = try await harness.search("words", queries: queries)
      #expect(recall(expected, truth: truth) >= 0.94)
      // A request's oversampling goes before the policy: this is what codes and their usual rescoring give.
      let usual = try await harness.search(
        "words", queries: queries, oversampling: specification.effectiveOversampling)
      #expect(recall(usual, truth: truth) < 0.9)
      let many = try await harness.search("words", queries: queries, limit: 50)
      #expect(recall(many, truth: truth, k: 50) >= 0.9)
      #expect(try await harness.search("words", queries: queries, limit: 3).allSatisfy { $0.count == 3 })
      try await harness.shutDown()
    }
    let harness = try await EngineHarness(directory: directory, segmentRowsMax: 4_000)
    let generation = try harness.engine.describeCollection("words").generation
    #expect(generation.specification == specification)
    #expect(generation.report?.rescoring == policy)
    #expect(try await harness.search("words", queries: queries) == expected)
    let full = try await harness.engine.rollback("words")
    #expect(full.specification.targetRecall == nil)
    #expect(recall(try await harness.search("words", queries: queries), truth: truth) >= 0.98)
    let back = try await harness.engine.rollback("words")
    #expect(back.specification == specification)
    #expect(try await harness.search("words", queries: queries) == expected)
    try await harness.shutDown()
  }

  @Test("a reindex calibrates its target, and with queries made from stored vectors says so")
  func reindexes() async throws {
    let harness = try await EngineHarness()
    try await harness.importSample("words", rows: 5_000)
    let job = try await harness.finish(
      try await harness.engine.startReindex(
        ReindexRequest(
          source: "words", target: "copy",
          specification: EncodingSpecification(quantization: .binary, targetRecall: 0.99),
          gate: RecallGateRequest(minimumRecall: 0.9))))
    #expect(job.state == .completed, "\(job)")
    let report = try #require(job.report)
    let policy = try #require(report.rescoring)
    #expect(policy.isShown && isReached(report.recallAfter, 0.99))
    #expect(report.notes.count == 1)
    #expect(try harness.engine.describeCollection("copy").generation.specification.targetRecall == 0.99)
    let again = try await harness.finish(
      try await harness.engine.startReindex(
        ReindexRequest(
          source: "copy", target: "third", specification: EncodingSpecification(quantization: .int8),
          gate: gate())))
    // The source is measured as it is searched, by its policy.
    #expect(try #require(again.report?.recallBefore).mean > 0.95)
    #expect(again.report?.rescoring == nil)
    try await harness.shutDown()
  }

  @Test("too few queries are all used for both, and the report says how many it takes")
  func tooFewQueries() async throws {
    let harness = try await EngineHarness()
    try await harness.importSample("words", rows: 2_000)
    let job = try await harness.finish(
      try await harness.engine.startSwitch(
        "words",
        SwitchRequest(
          specification: EncodingSpecification(quantization: .binary, targetRecall: 0.999),
          gate: gate(SampleVectors.queries(50)))))
    #expect(job.state == .completed, "\(job)")
    let report = try #require(job.report)
    #expect(report.rescoring?.isShown == false && report.rescoring?.z == nil)
    #expect(report.recallAfter?.queryCount == 50)
    // All that the sample needed is found.
    #expect(report.recallAfter?.mean == 1)
    #expect(report.notes.contains { $0.contains("cannot be shown with 50 queries") })
    #expect(report.notes.contains { $0.contains("optimistic") })
    try await harness.shutDown()
  }

  @Test("targets out of range, beside an oversampling or of full precision are refused")
  func refused() async throws {
    let harness = try await EngineHarness()
    try await harness.importSample("words", rows: 300)
    for specification in [
      EncodingSpecification(quantization: .int8, targetRecall: 0.4),
      EncodingSpecification(quantization: .int8, targetRecall: 1),
      EncodingSpecification(quantization: .int8, targetRecall: .nan),
      EncodingSpecification(quantization: .int8, oversampling: 3, targetRecall: 0.9),
      EncodingSpecification(index: .defaultHNSW, targetRecall: 0.9),
    ] {
      await #expect("\(specification)") {
        _ = try await harness.engine.startSwitch("words", SwitchRequest(specification: specification))
      } throws: { ($0 as? MoultError)?.code == .invalidArgument }
    }
    try await harness.shutDown()
  }
}
