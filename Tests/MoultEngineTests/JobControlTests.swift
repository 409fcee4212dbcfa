import MoultModel
import MoultTesting
import Testing

@testable import MoultEngine

@Suite("Throttling, status and order of jobs")
struct JobControlTests {
  private static let gate = RecallGateRequest(minimumRecall: 0)
  private static func toInt8(_ limits: JobLimits = JobLimits(), after: [Int64] = []) -> SwitchRequest {
    SwitchRequest(
      specification: EncodingSpecification(quantization: .int8), gate: gate, limits: limits, after: after)
  }
  private static func toBinary(after: [Int64]) -> SwitchRequest {
    SwitchRequest(specification: EncodingSpecification(quantization: .binary), gate: gate, after: after)
  }

  private func follow(
    _ job: JobInfo, in harness: EngineHarness, until isReached: (JobInfo) -> Bool
  ) async throws -> JobInfo {
    var job = try harness.engine.job(job.id)
    while !isReached(job), !job.state.isFinal {
      job = try await harness.engine.waitForJob(job.id, changedSince: job, seconds: 30)
    }
    return job
  }

  @Test("a running job obeys new limits at once, and they last over a restart")
  func throttle() async throws {
    let directory = TemporaryDirectory()
    var harness = try await EngineHarness(directory: directory, segmentRowsMax: 500)
    try await harness.importSample("words", rows: 1_500)
    try await harness.settle()
    // The second of three segments would have to wait for 500 seconds.
    var job = try await harness.engine.startSwitch("words", Self.toInt8(JobLimits(rowsPerSecond: 1)))
    job = try await follow(job, in: harness) { $0.progress.phase == "encode" }
    #expect(job.state == .running && job.progress.rowsDone == 500)
    #expect(try harness.engine.jobStatus(job.id).limits == JobLimits(rowsPerSecond: 1))

    // Other limits change nothing about the rate, and are kept.
    _ = try await harness.engine.throttleJob(job.id, JobLimitsChange(rowsPerSecond: 2, maximumP99Rise: 0.5))
    let slow = JobLimits(rowsPerSecond: 2, maximumP99Rise: 0.5)
    #expect(try harness.engine.jobStatus(job.id).limits == slow)
    try await harness.shutDown()
    harness = try await EngineHarness(directory: directory, segmentRowsMax: 500)
    #expect(try harness.engine.jobStatus(job.id).limits == slow)
    job = try await follow(job, in: harness) { $0.state == .running }

    _ = try await harness.engine.throttleJob(job.id, JobLimitsChange(rowsPerSecond: .some(nil)))
    job = try await harness.finish(job)
    #expect(job.state == .completed, "\(job)")
    await #expect {
      _ = try await harness.engine.throttleJob(job.id, JobLimitsChange(rowsPerSecond: 5))
    } throws: { ($0 as? MoultError)?.code == .jobStateConflict }
    try await harness.shutDown()
  }

  @Test("limits out of range, and too little memory, are refused and change nothing")
  func badThrottle() async throws {
    let harness = try await EngineHarness()
    try await harness.importSample("words", rows: 5_000)
    try await harness.settle()
    var request = Self.toInt8()
    request.swapAt = JobInfo.untilReleased
    let job = try await harness.engine.startSwitch("words", request)
    _ = try await follow(job, in: harness) { $0.state == .held }
    for change in [
      JobLimitsChange(rowsPerSecond: 0), JobLimitsChange(maximumP99Rise: -1),
      JobLimitsChange(memoryBytes: 1 << 20),
    ] {
      await #expect { _ = try await harness.engine.throttleJob(job.id, change) } throws: {
        ($0 as? MoultError)?.code == .invalidArgument
      }
    }
    #expect(try harness.engine.jobStatus(job.id).limits == JobLimits())
    await #expect {
      _ = try await harness.engine.throttleJob(99, JobLimitsChange(rowsPerSecond: 1))
    } throws: {
      ($0 as? MoultError)?.code == .jobNotFound
    }
    try await harness.shutDown()
  }

  @Test("the status has what a switch measures while it runs, waits, and has ended")
  func status() async throws {
    let harness = try await EngineHarness(segmentRowsMax: 500)
    try await harness.importSample("words", rows: 1_500)
    try await harness.settle()
    #expect(try harness.engine.collectionStatus("words").jobs.isEmpty)
    var request = Self.toInt8(JobLimits(rowsPerSecond: 1, memoryBytes: 1 << 30))
    request.swapAt = JobInfo.untilReleased
    let job = try await harness.engine.startSwitch("words", request)
    _ = try await follow(job, in: harness) { $0.progress.phase == "encode" }
    var status = try harness.engine.jobStatus(job.id)
    let building = try #require(status.building)
    #expect(building > (try harness.engine.describeCollection("words").generation.id))
    #expect(status.gate == .pending && status.lagOperations == 0 && status.memoryBytes != nil)
    #expect(status.p99Change == nil && status.limits.memoryBytes == 1 << 30)

    // Seven rows that the generation cannot have yet.
    let dimension = SampleVectors.dimension
    _ = try await harness.engine.write(
      PointBatch(
        ids: (5_000..<5_007).map { .int64($0) }, vectors: Array(SampleVectors.base(7)), dimension: dimension),
      to: "words", mode: .upsert)
    #expect(try harness.engine.jobStatus(job.id).lagOperations == 7)

    // Searches beside it, three times as slow as those before.
    let latencies = harness.engine.resources.searchLatencies
    for _ in 0..<SearchLatencies.idleCountMin { latencies.record(0.001, besideJob: false) }
    for _ in 0..<SearchLatencies.windowCount { latencies.record(0.003, besideJob: true) }
    let change = try #require(harness.engine.jobStatus(job.id).p99Change)
    #expect((1.8...2.2).contains(change))

    _ = try await harness.engine.throttleJob(job.id, JobLimitsChange(rowsPerSecond: .some(nil)))
    _ = try await follow(job, in: harness) { $0.state == .held }
    status = try harness.engine.jobStatus(job.id)
    #expect(status.gate == .passed && status.building == building && status.memoryBytes == nil)
    #expect(try harness.engine.collectionStatus("words").jobs.map(\.job.id) == [job.id])
    _ = try await harness.engine.holdJob(job.id, until: nil)
    _ = try await harness.finish(job)
    let collection = try harness.engine.collectionStatus("words")
    #expect(collection.generation == building && collection.last?.id == job.id && collection.rows == 1_507)
    try await harness.shutDown()
  }

  @Test("a held reindex tells how far it is behind, and catches up before it goes live")
  func reindexLag() async throws {
    let harness = try await EngineHarness()
    try await harness.importSample("words", rows: 1_000)
    try await harness.settle()
    let job = try await harness.engine.startReindex(
      ReindexRequest(
        source: "words", target: "copy", specification: EncodingSpecification(quantization: .int8),
        gate: Self.gate, swapAt: JobInfo.untilReleased))
    _ = try await follow(job, in: harness) { $0.state == .held }
    #expect(try harness.engine.jobStatus(job.id).lagOperations == 0)
    _ = try await harness.engine.delete([.int64(1), .int64(2)], from: "words")
    _ = try await harness.engine.write(
      PointBatch(ids: [.int64(9_000)], vectors: SampleVectors.base(1), dimension: SampleVectors.dimension),
      to: "words", mode: .upsert)
    #expect(try harness.engine.jobStatus(job.id).lagOperations == 3)
    _ = try await harness.engine.holdJob(job.id, until: nil)
    #expect(try await harness.finish(job).state == .completed)
    #expect(try harness.engine.describeCollection("copy").count == 999)
    try await harness.shutDown()
  }

  @Test("a switch may wait for the one at work on its collection, and follows it")
  func after() async throws {
    let harness = try await EngineHarness()
    try await harness.importSample("words", rows: 1_000)
    try await harness.settle()
    var request = Self.toInt8()
    request.swapAt = JobInfo.untilReleased
    let first = try await harness.engine.startSwitch("words", request)
    await #expect { _ = try await harness.engine.startSwitch("words", Self.toBinary(after: [])) } throws: {
      ($0 as? MoultError)?.code == .switchInProgress
    }
    let second = try await harness.engine.startSwitch("words", Self.toBinary(after: [first.id]))
    #expect(second.after == [first.id] && second.id != first.id)
    // Asked for again it is the same; the same form without the wait is not.
    #expect(try await harness.engine.startSwitch("words", Self.toBinary(after: [first.id])).id == second.id)
    _ = try await follow(first, in: harness) { $0.state == .held }
    #expect(try harness.engine.job(second.id).state == .available)
    _ = try await harness.engine.holdJob(first.id, until: nil)
    #expect(try await harness.finish(second).state == .completed)
    #expect(
      try harness.engine.history(of: "words").filter { $0.action == .generationSwitched }.map(\.job)
        == [second.id, first.id])
    try await harness.shutDown()
  }

  @Test("what waits for a switch that does not pass its gate fails with it, and says so")
  func afterFailure() async throws {
    let harness = try await EngineHarness()
    try await harness.importSample("words", rows: 1_000)
    try await harness.importSample("other", rows: 300)
    try await harness.settle()
    var request = Self.toInt8()
    request.swapAt = JobInfo.untilReleased
    let first = try await harness.engine.startSwitch("words", request)
    let second = try await harness.engine.startSwitch("other", Self.toBinary(after: [first.id]))
    _ = try await harness.engine.cancelJob(first.id)
    let ended = try await harness.finish(second)
    #expect(ended.state == .failed && ended.error?.contains("job \(first.id)") == true, "\(ended)")
    _ = try await harness.finish(first)
    for after in [[first.id], [999]] {
      await #expect {
        _ = try await harness.engine.startSwitch("other", Self.toBinary(after: after))
      } throws: {
        [.jobStateConflict, .jobNotFound].contains(($0 as? MoultError)?.code)
      }
    }
    try await harness.shutDown()
  }

  @Test("a plan tells bytes by tier, what is reused, seconds and the recall of a sample")
  func plan() async throws {
    let harness = try await EngineHarness(segmentRowsMax: 600)
    try await harness.importSample("words", rows: 1_200)
    try await harness.settle()
    let dimension = SampleVectors.dimension
    let files = harness.directory.files()
    var request = Self.toInt8()
    request.gate = RecallGateRequest(
      minimumRecall: 0, queries: Array(SampleVectors.queries(50)), dimension: dimension)
    let plan = try await harness.engine.planSwitch("words", request)
    #expect(harness.directory.files() == files)
    let tiers = Dictionary(uniqueKeysWithValues: plan.tiers.map { ($0.kind, $0) })
    #expect(tiers[.vectors] == .init(kind: .vectors, before: 4_800 * dimension, after: 4_800 * dimension))
    #expect(tiers[.codes]?.before == 0)
    #expect(tiers[.codes]?.after == 1_200 * plan.bytesPerVectorAfter)
    #expect(plan.predictedSeconds ?? 0 > 0 && plan.basis.contains("just now"))
    #expect(plan.reused.count == 1)
    let recall = try #require(plan.recall)
    #expect(recall.rows == 1_200 && recall.searched.queryCount == 50 && recall.querySource == .given)
    // All rows are in the sample, so the switch finds just what the plan has said.
    let job = try await harness.finish(try await harness.engine.startSwitch("words", request))
    let made = try #require(job.report?.recallAfter)
    #expect(abs(made.mean - recall.searched.mean) <= 0.02)
    #expect(abs((job.report?.recallWithoutRescoring?.mean ?? 0) - recall.codesAlone.mean) <= 0.02)

    let copy = try await harness.engine.planReindex(
      ReindexRequest(
        source: "words", target: "copy", specification: EncodingSpecification(quantization: .int8),
        gate: Self.gate))
    #expect(copy.diskNeeded > plan.diskNeeded + 4_800 * dimension && copy.reused.isEmpty)
    #expect(try harness.engine.jobs(state: .available).isEmpty)
    await #expect {
      _ = try await harness.engine.planReindex(
        ReindexRequest(source: "words", target: "words", specification: EncodingSpecification()))
    } throws: { ($0 as? MoultError)?.code == .collectionExists }
    try await harness.shutDown()
  }

  @Test("a rollback from another generation than the one that is live is refused and changes nothing")
  func rollbackIfCurrent() async throws {
    let harness = try await EngineHarness()
    try await harness.importSample("words", rows: 500)
    let first = try harness.engine.describeCollection("words").generation.id
    _ = try await harness.finish(try await harness.engine.startSwitch("words", Self.toInt8()))
    let second = try harness.engine.describeCollection("words").generation.id
    await #expect { _ = try await harness.engine.rollback("words", ifCurrent: first) } throws: {
      ($0 as? MoultError)?.code == .generationConflict
    }
    #expect(try harness.engine.describeCollection("words").generation.id == second)
    #expect(try await harness.engine.rollback("words", ifCurrent: second).id == first)
    try await harness.shutDown()
  }
}
