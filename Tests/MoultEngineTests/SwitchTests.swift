import MoultEngine
import MoultModel
import MoultTesting
import Testing

@Suite("Switching a live collection")
struct SwitchTests {
  @Test("float32 to int8 to binary and back keeps every answer's quality and moves only pointers back")
  func thereAndBack() async throws {
    let harness = try await EngineHarness()
    try await harness.importSample("words", rows: 10_000)
    try await harness.engine.createAlias("w", collection: "words")
    let truth = SampleVectors.truth()
    let queries = SampleVectors.queries()
    let first = try harness.engine.describeCollection("w").generation.id
    #expect(recall(try await harness.search("w", queries: queries), truth: truth) >= 0.999)

    let gate = RecallGateRequest(minimumRecall: 0.95, queries: queries, dimension: SampleVectors.dimension)
    var job = try await harness.engine.startSwitch(
      "words", SwitchRequest(specification: EncodingSpecification(quantization: .int8), gate: gate))
    job = try await harness.finish(job)
    #expect(job.state == .completed, "\(job)")
    let int8 = try #require(job.report)
    #expect(int8.querySource == .given)
    #expect(try #require(int8.recallAfter).mean >= 0.99)
    #expect(try #require(int8.recallWithoutRescoring).mean >= 0.98)
    #expect(recall(try await harness.search("w", queries: queries), truth: truth) >= 0.99)

    job = try await harness.engine.startSwitch(
      "w", SwitchRequest(specification: EncodingSpecification(quantization: .binary), gate: gate))
    job = try await harness.finish(job)
    #expect(job.state == .completed, "\(job)")
    let binary = try harness.engine.describeCollection("words")
    #expect(binary.generation.bytesPerVector < 80)
    #expect(recall(try await harness.search("w", queries: queries), truth: truth) >= 0.95)

    let back = try await harness.engine.rollback("w")
    #expect(back.specification.quantization == .int8)
    #expect(try harness.engine.describeCollection("w").previousGeneration?.id == binary.generation.id)
    #expect(back.id > first)
    try await harness.shutDown()
  }

  @Test("a gate that is not reached leaves everything as it was")
  func refusedByTheGate() async throws {
    let harness = try await EngineHarness()
    try await harness.importSample("words", rows: 3_000)
    let before = try harness.engine.describeCollection("words")
    let files = harness.directory.files()
    var job = try await harness.engine.startSwitch(
      "words",
      SwitchRequest(
        specification: EncodingSpecification(quantization: .binary, oversampling: 1),
        gate: RecallGateRequest(
          minimumRecall: 0.99, queries: SampleVectors.queries(), dimension: SampleVectors.dimension)))
    job = try await harness.finish(job)
    #expect(job.state == .failed)
    #expect(job.errorCode == MoultError.Code.recallGateFailed.rawValue)
    #expect(job.attempt == 1)
    #expect(try harness.engine.describeCollection("words") == before)
    #expect(try harness.engine.generations(of: "words").count == 1)
    #expect(harness.directory.files() == files)
    try await harness.shutDown()
  }

  @Test("a second switch is refused while one is at work, and an unknown collection is named")
  func oneAtATime() async throws {
    let harness = try await EngineHarness()
    try await harness.importSample("words", rows: 5_000)
    let job = try await harness.engine.startSwitch(
      "words", SwitchRequest(specification: EncodingSpecification(quantization: .int8)))
    await #expect {
      _ = try await harness.engine.startSwitch(
        "words", SwitchRequest(specification: EncodingSpecification(quantization: .binary)))
    } throws: { ($0 as? MoultError)?.code == .switchInProgress }
    _ = try await harness.finish(job)
    await #expect {
      _ = try await harness.engine.startSwitch(
        "nowhere", SwitchRequest(specification: EncodingSpecification()))
    } throws: { ($0 as? MoultError)?.code == .collectionNotFound }
    try await harness.shutDown()
  }

  @Test(
    "codes of sealed and growing segments, indexes and pointers survive a restart",
    arguments: [IndexSpecification.flat, .hnsw(m: 8, efConstruction: 60), .ivf(lists: 40), .automatic])
  func survivesRestart(index: IndexSpecification) async throws {
    let directory = TemporaryDirectory()
    let queries = SampleVectors.queries(50)
    let expected: [[PointID]]
    do {
      let harness = try await EngineHarness(directory: directory, segmentRowsMax: 1_500)
      try await harness.importSample("words", rows: 4_000)
      let job = try await harness.engine.startSwitch(
        "words",
        SwitchRequest(
          specification: EncodingSpecification(
            quantization: .int8, index: index),
          gate: RecallGateRequest(minimumRecall: 0.5, queries: queries, dimension: SampleVectors.dimension)))
      #expect(try await harness.finish(job).state == .completed)
      _ = try await harness.engine.delete([.int64(7)], from: "words")
      expected = try await harness.search("words", queries: queries)
      try await harness.shutDown()
    }
    let harness = try await EngineHarness(directory: directory, segmentRowsMax: 1_500)
    let info = try harness.engine.describeCollection("words")
    #expect(info.generation.specification.quantization == .int8)
    #expect(info.generation.specification.index == index)
    #expect(info.generation.report?.recallAfter != nil)
    #expect(info.count == 3_999)
    #expect(try await harness.search("words", queries: queries) == expected)
    let back = try await harness.engine.rollback("words")
    #expect(back.specification.isIdentity)
    try await harness.shutDown()
  }
}
