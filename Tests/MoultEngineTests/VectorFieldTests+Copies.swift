import MoultModel
import MoultTesting
import Testing

@testable import MoultEngine

/// Fields in reindexes and backups.
extension VectorFieldTests {
  @Test("a reindex takes all fields along, and what is written meanwhile")
  func reindex() async throws {
    var random = SeededGenerator(seed: 9)
    let harness = try await EngineHarness(segmentRowsMax: 200)
    let engine = harness.engine
    try await create(engine)
    var model = Model()
    try await upsert(Array(0..<600), to: "words", engine, &model, &random)
    try await engine.createAlias("live", collection: "words")
    let job = try await engine.startReindex(
      ReindexRequest(
        source: "words", target: "words2", specification: EncodingSpecification(quantization: .int8),
        alias: "live", gate: RecallGateRequest(minimumRecall: 0)))
    while !(try await engine.waitForJob(job.id, changedSince: nil, seconds: 0)).state.isFinal {
      let ids = Set((0..<20).map { _ in Int64.random(in: 0...700, using: &random) }).sorted()
      try await upsert(ids, to: "live", engine, &model, &random)
      let gone = Int64.random(in: 0...700, using: &random)
      _ = try await engine.delete([.int64(gone)], from: "live")
      model.points[gone] = nil
    }
    #expect(try await harness.finish(job).state == .completed)
    try await check(engine, "words2", model, &random, "after the reindex")
    try await harness.shutDown()
  }

  @Test("fields stay as they are while a reindex copies them; definitions made meanwhile come along")
  func heldReindex() async throws {
    var random = SeededGenerator(seed: 13)
    let harness = try await EngineHarness()
    let engine = harness.engine
    try await create(engine)
    var model = Model()
    try await upsert(Array(0..<50), to: "words", engine, &model, &random)
    let job = try await engine.startReindex(
      ReindexRequest(
        source: "words", target: "words2", specification: EncodingSpecification(), alias: "live",
        gate: RecallGateRequest(minimumRecall: 0), swapAt: JobInfo.untilReleased))
    let changes: [@Sendable () async throws -> Void] = [
      { try await engine.addVectorField(VectorField(name: "other", dimension: 4), to: "words") },
      { try await engine.dropVectorField("title", from: "words") },
      { try await engine.redefine("words:title", metric: .cosine, index: .flat) },
      // It would go on after the copy has gone live.
      { _ = try await engine.startImport(into: "words", order: "{}") },
    ]
    for change in changes {
      await #expect { try await change() } throws: { ($0 as? MoultError)?.code == .switchInProgress }
    }
    try await engine.annotate("words") { _ in #"{"made":"meanwhile"}"# }
    _ = try await engine.holdJob(job.id, until: nil)
    #expect(try await harness.finish(job).state == .completed)
    #expect(try engine.describeCollection("live").schema.annotations == #"{"made":"meanwhile"}"#)
    try await check(engine, "words2", model, &random, "the target")
    try await harness.shutDown()
  }

  @Test("a backup brings all fields along, under another name and in place of what is there")
  func backup() async throws {
    var random = SeededGenerator(seed: 11)
    let harness = try await EngineHarness(segmentRowsMax: 100)
    let engine = harness.engine
    try await create(engine)
    var model = Model()
    try await upsert(Array(0..<350), to: "words", engine, &model, &random)
    let job = try await engine.startSwitch(
      "words:title",
      SwitchRequest(
        specification: EncodingSpecification(quantization: .int8), gate: RecallGateRequest(minimumRecall: 0)))
    #expect(try await harness.finish(job).state == .completed)
    for id in 0..<40 { model.points[Int64(id)] = nil }
    _ = try await engine.delete((0..<40).map { .int64($0) }, from: "words")

    var pieces: [[UInt8]] = []
    do {
      let backup = try await engine.startBackup(of: ["words"])
      while let piece = try await backup.next() { pieces.append(piece) }
    }
    let before = model
    try await upsert(Array(300..<420), to: "words", engine, &model, &random)
    func restore(_ request: RestoreRequest) async throws {
      let stream = AsyncStream<[UInt8]> { [pieces] stream in
        for piece in pieces { stream.yield(piece) }
        stream.finish()
      }
      let report = try await engine.restore(stream, request)
      #expect(report.collections.map(\.source) == ["words"])
    }
    try await restore(RestoreRequest(only: "words", name: "copy"))
    try await check(engine, "copy", before, &random, "the copy")
    try await check(engine, "words", model, &random, "the original beside it")
    #expect(
      try engine.describeCollection("copy:title").generation.specification.quantization == .int8)
    try await restore(RestoreRequest(ifExists: .replace))
    try await check(engine, "words", before, &random, "in place of what was there")
    #expect(try engine.listCollections().map(\.name) == ["copy", "words"])
    // It goes on from there.
    var again = before
    try await upsert(Array(300..<420), to: "words", engine, &again, &random)
    try await check(engine, "words", again, &random, "written after it")
    try await harness.shutDown()
    let found = try problems(harness.directory)
    #expect(found.isEmpty, "\(found)")
  }
}
