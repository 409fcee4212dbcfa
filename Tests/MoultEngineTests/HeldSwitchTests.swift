import Foundation
import MoultModel
import MoultTesting
import Testing

@testable import MoultEngine

@Suite("Putting off the cut-over")
struct HeldSwitchTests {
  private static let gate = RecallGateRequest(minimumRecall: 0.5)
  private static let int8 = EncodingSpecification(quantization: .int8)

  private func follow(
    _ job: JobInfo, in harness: EngineHarness, until isReached: (JobInfo) -> Bool
  ) async throws -> JobInfo {
    var job = try harness.engine.job(job.id)
    while !isReached(job), !job.state.isFinal {
      job = try await harness.engine.waitForJob(job.id, changedSince: job, seconds: 30)
    }
    return job
  }

  private func write(_ rows: Range<Int>, to name: String, _ harness: EngineHarness) async throws {
    let dimension = SampleVectors.dimension
    let vectors = SampleVectors.base(rows.upperBound)
    _ = try await harness.engine.write(
      PointBatch(
        ids: rows.map { .int64(Int64($0)) },
        vectors: Array(vectors[rows.lowerBound * dimension..<vectors.count]),
        dimension: dimension),
      to: name, mode: .upsert)
  }

  @Test("a switch waits for its release over a restart, and what was written meanwhile is in it")
  func switchHeld() async throws {
    let directory = TemporaryDirectory()
    var harness = try await EngineHarness(directory: directory, segmentRowsMax: 1_500)
    try await harness.importSample("words", rows: 3_000)
    let before = try harness.engine.describeCollection("words").generation.id
    let job = try await harness.engine.startSwitch(
      "words",
      SwitchRequest(specification: Self.int8, gate: Self.gate, swapAt: JobInfo.untilReleased))
    #expect(try await follow(job, in: harness) { $0.state == .held }.state == .held)
    #expect(try harness.engine.describeCollection("words").generation.id == before)
    #expect(try harness.engine.generations(of: "words").map(\.state) == [.building, .live])

    // Another collection's jobs run meanwhile: waiting takes nobody's place.
    try await harness.importSample("other", rows: 300)
    let other = try await harness.engine.startSwitch(
      "other", SwitchRequest(specification: Self.int8, gate: RecallGateRequest(minimumRecall: 0)))
    #expect(try await harness.finish(other).state == .completed)

    try await write(3_000..<5_000, to: "words", harness)
    _ = try await harness.engine.delete([.int64(7)], from: "words")
    try await harness.shutDown()

    harness = try await EngineHarness(directory: directory, segmentRowsMax: 1_500)
    // It attaches its generation again, and goes on waiting.
    while try harness.engine.generations(of: "words").count == 1 {
      _ = try await harness.engine.waitForJob(
        job.id, changedSince: harness.engine.job(job.id), seconds: 1)
    }
    #expect(try await follow(job, in: harness) { $0.state == .held }.state == .held)
    #expect(try harness.engine.describeCollection("words").generation.id == before)
    _ = try await harness.engine.delete([.int64(8)], from: "words")

    #expect(try await harness.engine.holdJob(job.id, until: nil).heldUntil == nil)
    let ended = try await harness.finish(job)
    #expect(ended.state == .completed, "\(ended)")
    let info = try harness.engine.describeCollection("words")
    #expect(info.generation.specification == Self.int8 && info.count == 4_998)
    let found = try await harness.search("words", queries: SampleVectors.queries(50))
    let exact = try await harness.search("words", queries: SampleVectors.queries(50), exact: true)
    #expect(
      recall(
        found,
        truth: exact.map { ids in
          ids.compactMap { if case .int64(let key) = $0 { key } else { nil } }
        }) > 0.95)
    try await harness.shutDown()
  }

  @Test("a reindex waits for its moment, follows the source meanwhile, and then goes live by itself")
  func reindexHeld() async throws {
    let harness = try await EngineHarness()
    try await harness.importSample("v1", rows: 2_000)
    try await harness.engine.createAlias("words", collection: "v1")
    let job = try await harness.engine.startReindex(
      ReindexRequest(
        source: "v1", target: "v2", specification: Self.int8, alias: "words", gate: Self.gate,
        swapAt: JobInfo.untilReleased))
    #expect(try await follow(job, in: harness) { $0.state == .held }.state == .held)
    #expect(try harness.engine.describeAlias("words") == "v1")
    try await write(2_000..<2_500, to: "v1", harness)
    _ = try await harness.engine.delete([.int64(3), .int64(2_400)], from: "words")

    // Brought forward by time, not by hand.
    let soon = Int64(Date().timeIntervalSince1970 * 1_000) + 300
    #expect(try await harness.engine.holdJob(job.id, until: soon).heldUntil == soon)
    let ended = try await harness.finish(job)
    #expect(ended.state == .completed, "\(ended)")
    #expect(try #require(ended.finishedAt) >= soon)
    #expect(try harness.engine.describeAlias("words") == "v2")
    #expect(try harness.engine.describeCollection("words").count == 2_498)
    try await harness.shutDown()
  }

  @Test("a verdict reached anew tells what the attempts before it spent")
  func costsOfEarlierAttempts() {
    let first = SwitchReport(
      trainSeconds: 2, encodeSeconds: 4, indexSeconds: 8, verifySeconds: 1, totalSeconds: 16,
      graph: GraphWork(kind: .built, index: "hnsw", reason: "none yet", seconds: 8), trainingRows: 1_000)

    // The generation was still attached.
    var again = SwitchReport(verifySeconds: 3, totalSeconds: 3, trainingRows: 1_000)
    again.addCosts(of: first)
    #expect(again.trainSeconds == 2 && again.encodeSeconds == 4 && again.indexSeconds == 8)
    #expect(again.verifySeconds == 3 && again.totalSeconds == 19 && again.trainingRows == 1_000)
    #expect(again.graph == first.graph)

    // After a restart it was loaded, and what was built before was found.
    again = SwitchReport(
      indexSeconds: 0.5, graph: GraphWork(kind: .kept, index: "hnsw", reason: "at hand", seconds: 0.5))
    again.addCosts(of: first)
    #expect(again.trainingRows == 1_000 && again.indexSeconds == 8.5)
    #expect(again.graph == GraphWork(kind: .built, index: "hnsw", reason: "none yet", seconds: 8.5))

    // What this attempt did to graphs is told, with the time of both.
    again = SwitchReport(
      indexSeconds: 2, graph: GraphWork(kind: .refined, index: "hnsw", reason: "a loss", seconds: 2))
    again.addCosts(of: first)
    #expect(again.graph == GraphWork(kind: .refined, index: "hnsw", reason: "a loss", seconds: 10))

    var alone = first
    alone.addCosts(of: nil)
    #expect(alone == first)
  }

  @Test(
    "a gate that is not reached fails the job before it waits; a held one can be cancelled without a trace")
  func failedAndCancelled() async throws {
    let harness = try await EngineHarness()
    try await harness.importSample("words", rows: 2_000)
    let files = harness.directory.files()
    let refused = try await harness.engine.startSwitch(
      "words",
      SwitchRequest(
        specification: EncodingSpecification(quantization: .binary, oversampling: 1),
        gate: RecallGateRequest(minimumRecall: 0.99), swapAt: JobInfo.untilReleased))
    #expect(try await harness.finish(refused).errorCode == MoultError.Code.recallGateFailed.rawValue)

    let job = try await harness.engine.startSwitch(
      "words", SwitchRequest(specification: Self.int8, gate: Self.gate, swapAt: JobInfo.untilReleased))
    _ = try await follow(job, in: harness) { $0.state == .held }
    #expect(try await harness.engine.cancelJob(job.id).state == .cancelled)
    #expect(try harness.engine.generations(of: "words").count == 1)
    #expect(harness.directory.files() == files)
    await #expect {
      _ = try await harness.engine.holdJob(job.id, until: nil)
    } throws: { ($0 as? MoultError)?.code == .jobStateConflict }
    await #expect {
      _ = try await harness.engine.holdJob(job.id, until: -1)
    } throws: { ($0 as? MoultError)?.code == .invalidArgument }
    try await harness.shutDown()
  }
}
