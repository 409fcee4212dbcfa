import Foundation
import MoultEngine
import MoultModel
import MoultTesting
import Testing

@Suite("Pausing and ordering jobs")
struct PausedJobTests {
  private static let slow = EncodingSpecification(
    quantization: .int8, index: .hnsw(m: 32, efConstruction: 500))

  @Test("a job paused in the middle of a graph build stays so over a restart, then goes on with what it had")
  func pauseOverRestart() async throws {
    let directory = TemporaryDirectory()
    var harness = try await EngineHarness(directory: directory, segmentRowsMax: 2_000)
    try await harness.importSample("words", rows: 6_000)
    let before = try harness.engine.describeCollection("words").generation
    var job = try await harness.engine.startSwitch(
      "words", SwitchRequest(specification: Self.slow, gate: RecallGateRequest(minimumRecall: 0.5)))
    while job.progress.phase != "index", !job.state.isFinal {
      job = try await harness.engine.waitForJob(job.id, changedSince: job, seconds: 30)
    }
    #expect(try await harness.engine.pauseJob(job.id).pauseRequested)
    while job.state == .running {
      job = try await harness.engine.waitForJob(job.id, changedSince: job, seconds: 30)
    }
    #expect(job.state == .paused && !job.pauseRequested)
    try await harness.shutDown()
    let codes = try Self.identities(ofCodesIn: directory)

    harness = try await EngineHarness(directory: directory, segmentRowsMax: 2_000)
    #expect(try harness.engine.job(job.id).state == .paused)
    #expect(try harness.engine.describeCollection("words").generation == before)
    await #expect {
      _ = try await harness.engine.startSwitch(
        "words", SwitchRequest(specification: EncodingSpecification(quantization: .binary)))
    } throws: { ($0 as? MoultError)?.code == .switchInProgress }
    await #expect {
      _ = try await harness.engine.retryJob(job.id)
    } throws: { ($0 as? MoultError)?.code == .jobStateConflict }
    _ = try await harness.engine.resumeJob(job.id)
    job = try await harness.finish(job)
    #expect(job.state == .completed && job.attempt == 1, "\(job)")
    // Codes of the sealed segments were found, not made again: the graphs came after all of them.
    let after = try Self.identities(ofCodesIn: directory)
    #expect(codes.count >= 3, "\(codes)")
    for (file, identity) in codes { #expect(after[file] == identity, "\(file) was written again") }
    #expect(try harness.engine.describeCollection("words").generation.specification == Self.slow)
    try await harness.shutDown()
  }

  /// Which file on disk lies under each path of codes: a file that is written again is another one.
  private static func identities(ofCodesIn directory: TemporaryDirectory) throws -> [String: [Int]] {
    var identities: [String: [Int]] = [:]
    for file in directory.files() where file.hasSuffix(".codes") {
      let attributes = try FileManager.default.attributesOfItem(atPath: "\(directory.path)/\(file)")
      let date = try #require(attributes[.modificationDate] as? Date)
      identities[file] = [
        try #require(attributes[.systemFileNumber] as? Int), Int(date.timeIntervalSince1970 * 1e6),
      ]
    }
    return identities
  }

  @Test("cancelling a paused job takes away what it had built")
  func cancelPaused() async throws {
    let harness = try await EngineHarness(segmentRowsMax: 1_000)
    try await harness.importSample("words", rows: 3_000)
    let files = harness.directory.files()
    var job = try await harness.engine.startSwitch(
      "words", SwitchRequest(specification: Self.slow, gate: RecallGateRequest(minimumRecall: 0.5)))
    while job.progress.phase != "index", !job.state.isFinal {
      job = try await harness.engine.waitForJob(job.id, changedSince: job, seconds: 30)
    }
    _ = try await harness.engine.pauseJob(job.id)
    while job.state == .running {
      job = try await harness.engine.waitForJob(job.id, changedSince: job, seconds: 30)
    }
    #expect(harness.directory.files().count > files.count)
    #expect(try await harness.engine.cancelJob(job.id).state == .cancelled)
    #expect(harness.directory.files() == files)
    #expect(try harness.engine.generations(of: "words").count == 1)
    try await harness.shutDown()
  }

  @Test("a priority out of range is refused and changes nothing")
  func priorities() async throws {
    let harness = try await EngineHarness()
    try await harness.importSample("words", rows: 300)
    for priority in [-101, 101] {
      await #expect {
        _ = try await harness.engine.startSwitch(
          "words",
          SwitchRequest(specification: EncodingSpecification(quantization: .int8), priority: priority))
      } throws: { ($0 as? MoultError)?.code == .invalidArgument }
    }
    #expect(try harness.engine.jobs().isEmpty)
    let job = try await harness.engine.startSwitch(
      "words",
      SwitchRequest(
        specification: EncodingSpecification(quantization: .int8), gate: RecallGateRequest(minimumRecall: 0),
        priority: 7))
    #expect(job.priority == 7)
    let ended = try await harness.finish(job)
    #expect(ended.state == .completed)
    await #expect {
      _ = try await harness.engine.setJobPriority(1, of: ended.id)
    } throws: { ($0 as? MoultError)?.code == .jobStateConflict }
    try await harness.shutDown()
  }
}
