import Logging
import MoultModel
import MoultTesting
import Testing

@testable import MoultEngine

@Suite("The bill before a switch")
struct SwitchPlanTests {
  private func request(
    _ quantization: Quantization, index: IndexSpecification = .flat, limits: JobLimits = JobLimits()
  ) -> SwitchRequest {
    SwitchRequest(
      specification: EncodingSpecification(quantization: quantization, index: index),
      gate: RecallGateRequest(minimumRecall: 0), limits: limits)
  }

  @Test(
    "bytes a vector are not less than what a switch makes, and little more", arguments: Quantization.allCases)
  func bytesPerVector(quantization: Quantization) async throws {
    let harness = try await EngineHarness()
    try await harness.importSample("words", rows: 1_200)
    let plan = try await harness.engine.planSwitch("words", request(quantization))
    let job = try await harness.finish(try await harness.engine.startSwitch("words", request(quantization)))
    let made = try #require(job.report, "\(job)")
    #expect(plan.bytesPerVectorAfter >= made.bytesPerVectorAfter)
    #expect(plan.bytesPerVectorAfter <= made.bytesPerVectorAfter + 40)
    #expect(plan.trainingRows == made.trainingRows)
    #expect(plan.rows == made.rows)
    try await harness.shutDown()
  }

  @Test("says what becomes of the graph, and predicts from the last switch only what it has measured")
  func graphAndPrediction() async throws {
    let harness = try await EngineHarness(segmentRowsMax: 600)
    try await harness.importSample("words", rows: 1_200)
    let graph = IndexSpecification.hnsw(m: 8, efConstruction: 40)
    var plan = try await harness.engine.planSwitch("words", request(.int8, index: graph))
    #expect(plan.graph == .built && plan.predictedSeconds == nil && !plan.basis.isEmpty)
    let withGraph = plan.diskNeeded
    _ = try await harness.finish(try await harness.engine.startSwitch("words", request(.int8, index: graph)))
    try await harness.settle()

    plan = try await harness.engine.planSwitch("words", request(.int8, index: graph))
    #expect(plan.graph == .kept && plan.predictedSeconds != nil)
    #expect(plan.diskNeeded < withGraph)
    plan = try await harness.engine.planSwitch("words", request(.int8))
    #expect(plan.graph == nil)
    // Another shape of graph is built anew; how long that takes the first one tells.
    plan = try await harness.engine.planSwitch(
      "words", request(.int8, index: .hnsw(m: 16, efConstruction: 40)))
    #expect(plan.graph == .built && plan.predictedSeconds != nil)
    try await harness.shutDown()
  }

  @Test("an index by size of segments that are all small is none; lists are counted for each segment")
  func smallAndListed() async throws {
    let harness = try await EngineHarness(segmentRowsMax: 600)
    try await harness.importSample("words", rows: 1_200)
    let flat = try await harness.engine.planSwitch("words", request(.int8))
    let automatic = try await harness.engine.planSwitch("words", request(.int8, index: .automatic))
    #expect(automatic.graph == nil)
    #expect(automatic.memoryNeeded == flat.memoryNeeded && automatic.diskNeeded == flat.diskNeeded)
    let lists = try await harness.engine.planSwitch("words", request(.int8, index: .ivf(lists: 600)))
    #expect(lists.graph == .built)
    #expect(lists.diskNeeded - flat.diskNeeded >= 2 * 600 * 4 * SampleVectors.dimension)
    try await harness.shutDown()
  }

  @Test("memory for an index is that of the links of a graph, or of the vectors that lists are learned from")
  func indexMemory() throws {
    func bytes(_ index: IndexSpecification, usesDevice: Bool = false) throws -> Int {
      try SwitchMemory(
        EncodingSpecification(quantization: .int8, index: index), schema: CollectionSchema(dimension: 384),
        rows: 1_000_000, indexRows: 1_000_000, usesDevice: usesDevice
      ).bytes(within: nil)
    }
    let flat = try bytes(.flat)
    #expect(flat < 64 << 20)
    #expect(try bytes(.automatic) == bytes(.defaultHNSW))
    #expect(try bytes(.hnsw(m: 16, efConstruction: 128)) > 1_000_000 * 2 * 16 * 8)
    // Of a device lists of 64 with their scores, twice if they are made in parts, and what it pins.
    #expect(
      try bytes(.defaultHNSW, usesDevice: true) - bytes(.defaultHNSW)
        == 1_000_000 * (2 * 64 * 8 + 16 + 76) + (64 << 20))
    #expect(try bytes(.flat, usesDevice: true) == flat)
    #expect(try bytes(.defaultIVF) == bytes(.ivf(lists: 4_000)))
    let sample = 64 * 4_000 * 384 * 4
    let listed = try bytes(.ivf(lists: 4_000))
    #expect((sample..<2 * sample).contains(listed))
    // All rows at the most.
    #expect(try bytes(.ivf(lists: 65_536)) < 2 * 1_000_000 * 384 * 4)
  }

  @Test("a graph that is kept counts in memory like one that is built: the gate may have it made anew")
  func keptGraphMemory() async throws {
    let harness = try await EngineHarness(segmentRowsMax: 600)
    try await harness.importSample("words", rows: 600)
    func plan(_ index: IndexSpecification) async throws -> SwitchPlan {
      // With 64 neighbours and one query a graph takes more than all else.
      try await harness.engine.planSwitch(
        "words",
        SwitchRequest(
          specification: EncodingSpecification(quantization: .binary, index: index),
          gate: RecallGateRequest(
            minimumRecall: 0, queries: SampleVectors.queries(1), dimension: SampleVectors.dimension)))
    }
    let graph = IndexSpecification.hnsw(m: 64, efConstruction: 40)
    let built = try await plan(graph)
    let flat = try await plan(.flat)
    #expect(built.graph == .built && built.memoryNeeded > flat.memoryNeeded)
    _ = try await harness.finish(try await harness.engine.startSwitch("words", request(.int8, index: graph)))
    let kept = try await plan(graph)
    #expect(kept.graph == .kept && kept.memoryNeeded == built.memoryNeeded)
    try await harness.shutDown()
  }

  @Test("a budget of memory shortens the sample, and one that is too small is refused with what is needed")
  func memory() async throws {
    let harness = try await EngineHarness()
    try await harness.importSample("words", rows: 10_000)
    let all = try await harness.engine.planSwitch("words", request(.int4))
    #expect(all.trainingRows == 10_000)
    let some = try await harness.engine.planSwitch(
      "words", request(.int4, limits: JobLimits(memoryBytes: all.memoryNeeded - 2 << 20)))
    #expect((1_000..<10_000).contains(some.trainingRows))
    #expect(some.memoryNeeded <= all.memoryNeeded - 2 << 20)

    let before = try harness.engine.describeCollection("words")
    await #expect {
      _ = try await harness.engine.startSwitch(
        "words", request(.int4, limits: JobLimits(memoryBytes: 1 << 20)))
    } throws: { error in
      guard let error = error as? MoultError else { return false }
      return error.code == .invalidArgument && error.message.contains("MiB")
        && error.message.contains("memory")
    }
    #expect(try harness.engine.jobs().isEmpty)
    #expect(try harness.engine.describeCollection("words") == before)

    // The job keeps to it, too.
    let job = try await harness.finish(
      try await harness.engine.startSwitch(
        "words", request(.int4, limits: JobLimits(memoryBytes: all.memoryNeeded - 2 << 20))))
    #expect(job.report?.trainingRows == some.trainingRows, "\(job)")
    try await harness.shutDown()
  }

  @Test(
    "limits out of range are refused",
    arguments: [
      JobLimits(rowsPerSecond: 0), JobLimits(rowsPerSecond: .nan), JobLimits(maximumP99Rise: -1),
      JobLimits(memoryBytes: 0),
    ])
  func outOfRange(limits: JobLimits) async throws {
    let harness = try await EngineHarness()
    try await harness.importSample("words", rows: 100)
    await #expect { try await harness.engine.planSwitch("words", request(.int8, limits: limits)) } throws: {
      ($0 as? MoultError)?.code == .invalidArgument
    }
    try await harness.shutDown()
  }

  @Test("a switch waits for the rate, and a cancellation does not wait for it")
  func throttled() async throws {
    let harness = try await EngineHarness(segmentRowsMax: 500)
    try await harness.importSample("words", rows: 1_500)
    var job = try await harness.engine.startSwitch(
      "words", request(.int8, limits: JobLimits(rowsPerSecond: 1)))
    // The second segment would have to wait for 500 seconds.
    while job.progress.phase != "encode" {
      job = try await harness.engine.waitForJob(job.id, changedSince: job, seconds: 30)
    }
    #expect(job.state == .running && job.progress.rowsDone == 500)
    _ = try await harness.engine.cancelJob(job.id)
    job = try await harness.finish(job)
    #expect(job.state == .cancelled)
    #expect(try harness.engine.describeCollection("words").generation.specification.quantization == .none)
    try await harness.shutDown()
  }

  @Test("free memory is read as the kernel writes it")
  func freeMemory() {
    #expect(FreeMemory.bytes(meminfo: "MemTotal:  10 kB\nMemAvailable:   24105 kB\n") == 24_105 << 10)
    #expect(FreeMemory.bytes(meminfo: "MemTotal:  10 kB\n") == nil)
    #expect(FreeMemory.bytes(meminfo: "MemAvailable:") == nil)
  }
}
