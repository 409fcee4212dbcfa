import MoultModel
import MoultTesting
import Testing

@testable import MoultEngine

@Suite("History, repeated requests, compare and swap")
struct HistoryTests {
  private static let switchRequest = SwitchRequest(
    specification: EncodingSpecification(quantization: .int8), gate: RecallGateRequest(minimumRecall: 0))

  @Test("every change has its entry: who, what, before and after; also over a restart")
  func entries() async throws {
    let directory = TemporaryDirectory()
    var harness = try await EngineHarness(directory: directory)
    let engine = harness.engine
    try await harness.importSample("v1", rows: 400)
    let first = try engine.describeCollection("v1").generation.id
    let jobs = try await Requester.$name.withValue("ann") {
      try await engine.createAlias("words", collection: "v1")
      try await engine.createAlias("words", collection: "v1")
      let changed = try await harness.finish(try await engine.startSwitch("v1", Self.switchRequest))
      _ = try await engine.rollback("v1")
      let copied = try await harness.finish(
        try await engine.startReindex(
          ReindexRequest(
            source: "v1", target: "v2", specification: EncodingSpecification(), alias: "words",
            gate: RecallGateRequest(minimumRecall: 0))))
      return [changed, copied]
    }
    let second = try #require(jobs[0].generation)
    let third = try #require(jobs[1].generation)
    #expect(jobs.map(\.requestedBy) == ["ann", "ann"])
    _ = try await engine.dropAlias("words")
    try await engine.dropCollection("v1")
    try await harness.shutDown()

    harness = try await EngineHarness(directory: directory)
    let history = try harness.engine.history()
    #expect(history.map(\.id) == history.map(\.id).sorted(by: >))
    let told = history.reversed().map {
      [$0.action.rawValue, $0.name, $0.before ?? "-", $0.after ?? "-", $0.requestedBy ?? "-"]
    }
    #expect(
      told == [
        ["collectionCreated", "v1", "-", "\(first) none", "-"],
        ["aliasCreated", "words", "-", "v1", "ann"],
        ["generationSwitched", "v1", "\(first) none", "\(second) int8", "ann"],
        ["generationRolledBack", "v1", "\(second) int8", "\(first) none", "ann"],
        ["collectionReindexed", "v2", "-", "\(third) none", "ann"],
        ["aliasMoved", "words", "v1", "v2", "ann"],
        ["aliasDropped", "words", "v2", "-", "-"],
        ["collectionDropped", "v1", "\(first) none", "-", "-"],
      ])
    #expect(history.compactMap(\.job) == [jobs[1].id, jobs[1].id, jobs[0].id])
    #expect(
      try harness.engine.history(of: "words").map(\.action) == [.aliasDropped, .aliasMoved, .aliasCreated])
    let newest = try harness.engine.history(limit: 1)[0]
    #expect(try harness.engine.history(before: newest.id, limit: 1)[0].id == newest.id - 1)
    try await harness.shutDown()
  }

  @Test("what is refused leaves no entry")
  func refusals() async throws {
    let harness = try await EngineHarness()
    try await harness.importSample("a", rows: 300)
    try await harness.importSample("b", rows: 300)
    try await harness.engine.createAlias("x", collection: "a")
    let before = try harness.engine.history()
    await #expect {
      try await harness.engine.alterAlias("x", collection: "b", ifCurrent: "b")
    } throws: { ($0 as? MoultError)?.code == .aliasExists }
    await #expect {
      try await harness.engine.dropAlias("x", ifCurrent: "b")
    } throws: { ($0 as? MoultError)?.code == .aliasExists }
    await #expect {
      _ = try await harness.engine.rollback("a")
    } throws: { ($0 as? MoultError)?.code == .nothingToRollBack }
    #expect(try harness.engine.history() == before)
    #expect(try await harness.engine.dropAlias("x", ifCurrent: "a"))
    try await harness.shutDown()
  }

  @Test("a reindex leaves an alias alone that somebody else has moved meanwhile")
  func reindexIfCurrent() async throws {
    let harness = try await EngineHarness()
    try await harness.importSample("v1", rows: 400)
    try await harness.importSample("other", rows: 300)
    try await harness.engine.createAlias("words", collection: "v1")
    func request(ifCurrent: String, swapAt: Int64?) -> ReindexRequest {
      ReindexRequest(
        source: "v1", target: "v2", specification: EncodingSpecification(), alias: "words",
        gate: RecallGateRequest(minimumRecall: 0), swapAt: swapAt, ifCurrent: ifCurrent)
    }
    await #expect {
      _ = try await harness.engine.startReindex(request(ifCurrent: "other", swapAt: nil))
    } throws: { ($0 as? MoultError)?.code == .aliasExists }
    let job = try await harness.engine.startReindex(
      request(ifCurrent: "v1", swapAt: JobInfo.untilReleased))
    try await harness.engine.alterAlias("words", collection: "other", ifCurrent: "v1")
    _ = try await harness.engine.holdJob(job.id, until: nil)
    let ended = try await harness.finish(job)
    #expect(ended.state == .failed && ended.errorCode == MoultError.Code.aliasExists.rawValue)
    #expect(try harness.engine.describeAlias("words") == "other")
    #expect(!harness.engine.hasCollection("v2"))
    try await harness.shutDown()
  }

  @Test("asking again is the same job, while it is at work and as long as its outcome stands")
  func sameJob() async throws {
    let harness = try await EngineHarness()
    try await harness.importSample("words", rows: 400)
    let engine = harness.engine
    var held = Self.switchRequest
    held.swapAt = JobInfo.untilReleased
    let first = try await engine.startSwitch("words", held)
    #expect(try await engine.startSwitch("words", Self.switchRequest).id == first.id, "while it is at work")
    var slower = Self.switchRequest
    slower.limits = JobLimits(rowsPerSecond: 1e6)
    slower.priority = 3
    slower.swapAt = JobInfo.untilReleased - 1
    let asked = try await engine.startSwitch("words", slower)
    #expect(asked.id == first.id, "how fast and when is no other request")
    #expect(asked.priority == 3 && asked.heldUntil == JobInfo.untilReleased - 1, "and when is obeyed")
    var other = Self.switchRequest
    other.gate.minimumRecall = 0.1
    await #expect {
      _ = try await engine.startSwitch("words", other)
    } throws: { ($0 as? MoultError)?.code == .switchInProgress }
    _ = try await engine.holdJob(first.id, until: nil)
    #expect(try await harness.finish(first).state == .completed)
    let again = try await engine.startSwitch("words", Self.switchRequest)
    #expect(again.id == first.id && again.state == .completed, "its outcome stands")

    // Rolled back, its outcome does not stand any more.
    _ = try await engine.rollback("words")
    let second = try await engine.startSwitch("words", Self.switchRequest)
    #expect(second.id != first.id)
    #expect(try await harness.finish(second).state == .completed)
    // Of other points it is another request.
    _ = try await engine.delete([.int64(1)], from: "words")
    let third = try await engine.startSwitch("words", Self.switchRequest)
    #expect(![first.id, second.id].contains(third.id))
    _ = try await harness.finish(third)
    try await harness.shutDown()
  }

  /// From the reference of Fowler, Noll and Vo.
  @Test(
    "content hashes are FNV-1a",
    arguments: [
      ("", "6c62272e07bb014262b821756295c58d"), ("a", "d228cb696f1a8caf78912b704e4a8964"),
      ("foobar", "343e1662793c64bf6f0d3597ba446f18"),
    ])
  func hash(text: String, expected: String) {
    var hash = ContentHash()
    hash.combine(text.utf8)
    #expect(hash.text == expected)
  }
}
