import Foundation
import MoultCompute
import MoultJobs
import MoultModel
import MoultTesting
import Synchronization
import Testing

@testable import MoultEngine

/// The system's time and some hours more, as many as a test wants.
private final class ShiftedClock: Sendable {
  private let shift = Atomic<Int64>(0)

  func advance(seconds: Int64) { shift.add(1_000 * seconds, ordering: .relaxed) }

  var clock: JobClock {
    JobClock(
      now: { JobClock.system.now() + self.shift.load(ordering: .relaxed) },
      sleep: { until in try await JobClock.system.sleep(until - self.shift.load(ordering: .relaxed)) })
  }
}

@Suite("Retention of earlier generations")
struct RetentionTests {
  private func change(_ name: String, to quantization: Quantization, in harness: EngineHarness) async throws {
    let job = try await harness.finish(
      try await harness.engine.startSwitch(
        name,
        SwitchRequest(
          specification: EncodingSpecification(quantization: quantization),
          gate: RecallGateRequest(minimumRecall: 0))))
    #expect(job.state == .completed, "\(job)")
    try await harness.settle()
  }

  /// One round of the duty, and what it has ordered.
  private func look(_ harness: EngineHarness, _ time: ShiftedClock) async throws {
    let engine = harness.engine
    try GenerationKeeper(resources: engine.resources, aliases: engine.aliases, clock: time.clock).look()
    try await harness.settle()
  }

  private func previous(_ name: String, in harness: EngineHarness) throws -> GenerationInfo? {
    try harness.engine.describeCollection(name).previousGeneration
  }

  @Test(
    "a generation goes when its time is over, not before; over a restart, and readers keep what they hold")
  func byTime() async throws {
    let directory = TemporaryDirectory()
    let time = ShiftedClock()
    let retention = GenerationRetention(seconds: 3_600)
    var harness = try await EngineHarness(
      directory: directory, segmentRowsMax: 500, retention: retention, clock: time.clock)
    try await harness.importSample("words", rows: 1_000)
    try await change("words", to: .int8, in: harness)
    time.advance(seconds: 3_000)
    try await change("words", to: .binary, in: harness)
    // The hour counts from the switch away from it, not from its beginning.
    time.advance(seconds: 3_000)
    try await look(harness, time)
    let int8 = try #require(try previous("words", in: harness))
    #expect(int8.specification.quantization == .int8)
    try await harness.shutDown()

    time.advance(seconds: 700)
    harness = try await EngineHarness(
      directory: directory, segmentRowsMax: 500, retention: retention, clock: time.clock)
    let snapshot = try #require(harness.engine.aliases.current.collections["words"]?.snapshot)
    try await look(harness, time)
    #expect(try previous("words", in: harness) == nil)
    #expect(try harness.engine.generations(of: "words").map(\.state) == [.live])
    #expect(!harness.directory.files().contains { $0.contains("g\(int8.id)") })
    // Who had it still reads it.
    if let view = snapshot.previous, let segment = snapshot.segments.first {
      let codes = snapshot.codes(of: view, segment: segment)
      #expect(
        UnsafeRawBufferPointer(start: codes.rows, count: codes.rowStride * codes.count).contains { $0 != 0 })
    }
    let entry = try #require(harness.engine.history(of: "words", limit: 1).first)
    #expect(entry.action == .generationRetired && entry.before == "\(int8.id) int8" && entry.after == nil)
    #expect(entry.requestedBy == "moult serve --keep-generations-for" && entry.job != nil)
    await #expect {
      _ = try await harness.engine.rollback("words")
    } throws: { error in
      guard let error = error as? MoultError, error.code == .nothingToRollBack else { return false }
      let moment = Date(timeIntervalSince1970: Double(entry.at) / 1_000).formatted(.iso8601)
      return error.message.contains("\(int8.id) int8") && error.message.contains(moment)
    }
    #expect(try await harness.search("words", queries: SampleVectors.queries(2)).map(\.count) == [10, 10])
    try await harness.shutDown()
  }

  @Test("of all collections the generations that were left first go until the rest fits")
  func byBytes() async throws {
    let time = ShiftedClock()
    let rows = 1_000
    // Room for the codes of one collection, and not of two.
    let harness = try await EngineHarness(
      segmentRowsMax: 500,
      retention: GenerationRetention(bytes: rows * SampleVectors.dimension * 3 / 2), clock: time.clock)
    for name in ["a", "b", "c"] {
      try await harness.importSample(name, rows: rows)
      try await change(name, to: .int8, in: harness)
    }
    for name in ["b", "a", "c"] {
      time.advance(seconds: 10)
      try await change(name, to: .binary, in: harness)
    }
    try await look(harness, time)
    #expect(try previous("b", in: harness) == nil)
    #expect(try previous("a", in: harness) == nil)
    #expect(try previous("c", in: harness)?.specification.quantization == .int8)
    try await look(harness, time)
    #expect(try harness.engine.history().filter { $0.action == .generationRetired }.count == 2)
    try await harness.shutDown()
  }

  @Test("a rollback begins a new time: neither what is live nor what was just left goes")
  func rollback() async throws {
    let time = ShiftedClock()
    let harness = try await EngineHarness(
      segmentRowsMax: 500, retention: GenerationRetention(seconds: 60), clock: time.clock)
    try await harness.importSample("words", rows: 1_000)
    try await change("words", to: .int8, in: harness)
    let first = try #require(try previous("words", in: harness)?.id)
    time.advance(seconds: 50)
    #expect(try await harness.engine.rollback("words").id == first)
    time.advance(seconds: 50)
    try await look(harness, time)
    #expect(try previous("words", in: harness)?.specification.quantization == .int8)
    time.advance(seconds: 20)
    try await look(harness, time)
    #expect(try previous("words", in: harness) == nil)
    #expect(try harness.engine.describeCollection("words").generation.id == first)
    try await harness.shutDown()
  }

  @Test("a held switch keeps its collection: nothing is retired beside it, and it is not kept waiting")
  func besideAJob() async throws {
    let time = ShiftedClock()
    let harness = try await EngineHarness(
      segmentRowsMax: 500, retention: GenerationRetention(seconds: 60), clock: time.clock)
    try await harness.importSample("words", rows: 1_000)
    try await change("words", to: .int8, in: harness)
    var job = try await harness.engine.startSwitch(
      "words",
      SwitchRequest(
        specification: EncodingSpecification(quantization: .binary),
        gate: RecallGateRequest(minimumRecall: 0),
        swapAt: JobInfo.untilReleased))
    while job.state != .held, !job.state.isFinal {
      job = try await harness.engine.waitForJob(job.id, changedSince: job, seconds: 30)
    }
    time.advance(seconds: 100)
    let engine = harness.engine
    try GenerationKeeper(resources: engine.resources, aliases: engine.aliases, clock: time.clock).look()
    #expect(try engine.jobs(state: .available).map(\.kind) == [RetireJob.kind])
    #expect(try previous("words", in: harness) != nil)
    _ = try await engine.holdJob(job.id, until: nil)
    #expect(try await harness.finish(job).state == .completed)
    try await harness.settle()
    // What the order was for is gone with the switch; what the switch has left was just left.
    #expect(try previous("words", in: harness)?.specification.quantization == .int8)
    try await harness.shutDown()
  }
}
