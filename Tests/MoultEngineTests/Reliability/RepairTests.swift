import Foundation
import Logging
import MoultModel
import MoultStorage
import MoultTesting
import Testing

@testable import MoultEngine

@Suite("Repair")
struct RepairTests {
  private func repair(_ path: String, acceptsLoss: Bool = false) async throws -> RepairReport {
    var logger = Logger(label: "repair")
    logger.logLevel = .critical
    return try await Repair(
      EngineConfiguration(dataDirectory: path, computeThreads: 1, segmentRowsMax: 400),
      acceptsLoss: acceptsLoss, logger: logger
    ).run()
  }

  @Test("what can be derived is made anew: the same answers, nothing lost, whatever region was struck")
  func derived() async throws {
    let fixture = try await DamageFixture()
    for region in fixture.regions where !region.file.hasSuffix(".vectors") {
      for place in [region.bytes.lowerBound, region.bytes.upperBound - 1] {
        let copy = try fixture.copy()
        defer { try? FileManager.default.removeItem(atPath: copy) }
        try BitFlipTests.flipBit(3, at: place, of: "\(copy)/\(region.file)")
        let report = try await repair(copy)
        let note: Comment = "byte \(place) in the \(region): \(report)"
        #expect(!report.found.isEmpty && report.remaining == [] && report.lost == [], note)
        let answers = try await fixture.answers(of: copy)
        #expect(answers.exact == fixture.truth.exact && answers.points == fixture.truth.points, note)
        // Another encoder or graph may order what codes cannot tell apart otherwise.
        #expect(overlap(answers.codes, fixture.truth.codes) > 0.9, note)
      }
    }
  }

  @Test("of damaged vectors the sound rows are saved, and the lost points are named before they are deleted")
  func vectors() async throws {
    let fixture = try await DamageFixture()
    let truth = try #require(fixture.truth.points)
    for region in fixture.regions where region.file.hasSuffix(".vectors") && !region.isUnused {
      let copy = try fixture.copy()
      defer { try? FileManager.default.removeItem(atPath: copy) }
      try BitFlipTests.flipBit(
        6, at: (region.bytes.lowerBound + region.bytes.upperBound) / 2, of: "\(copy)/\(region.file)")
      let first = try await repair(copy)
      let note: Comment = "\(region): \(first)"
      if ["rows", "side section"].contains(region.name) {
        let ids = try #require(first.lost.first?.ids, note)
        #expect(first.lost.count == 1 && !first.lost[0].accepted && !first.remaining.isEmpty, note)
        #expect((1...VectorChecksum.rowsMax).contains(ids.count), note)
        // Nothing was changed yet, and the second time the same are named.
        let second = try await repair(copy, acceptsLoss: true)
        #expect(second.lost.map(\.ids) == [ids] && second.lost[0].accepted && second.remaining == [], note)
        let answers = try await fixture.answers(of: copy)
        #expect(answers.points == truth.filter { !ids.contains($0.id.description) }, note)
        #expect(answers.codes != nil && answers.exact != nil, note)
      } else {
        #expect(first.lost == [] && first.remaining == [], note)
        #expect(try await fixture.answers(of: copy).isWrong(beside: fixture.truth) == false, note)
        #expect(try await fixture.answers(of: copy).points == truth, note)
      }
    }
  }

  @Test("a missing file of vectors costs its points and no others; the database is not guessed at")
  func missing() async throws {
    let fixture = try await DamageFixture()
    let truth = try #require(fixture.truth.points)
    let file = try #require(fixture.regions.first { $0.file.hasSuffix(".vectors") }?.file)
    let copy = try fixture.copy()
    defer { try? FileManager.default.removeItem(atPath: copy) }
    try FileManager.default.removeItem(atPath: "\(copy)/\(file)")
    let report = try await repair(copy, acceptsLoss: true)
    let lost = Set(report.lost.flatMap(\.ids))
    #expect(!lost.isEmpty && report.remaining == [], "\(report)")
    #expect(try await fixture.answers(of: copy).points == truth.filter { !lost.contains($0.id.description) })

    let other = try fixture.copy()
    defer { try? FileManager.default.removeItem(atPath: other) }
    let catalog = "\(other)/moult.sqlite"
    var database = try Data(contentsOf: URL(fileURLWithPath: catalog))
    // Behind the first page, which names the schema: every page's head, in the log too if there is one.
    for page in stride(from: 4_096, to: database.count, by: 4_096) {
      for index in page..<page + 16 { database[index] ^= 0xFF }
    }
    try database.write(to: URL(fileURLWithPath: catalog))
    try? FileManager.default.removeItem(atPath: catalog + "-wal")
    await #expect { _ = try await repair(other) } throws: { ($0 as? MoultError)?.code == .corrupted }
  }

  @Test("a file that was repaired can be repaired once more: only the damaged rows are lost")
  func repeated() async throws {
    let directory = TemporaryDirectory(inMemory: true)
    defer { withExtendedLifetime(directory) {} }
    let path = directory.path + "/data"
    let harness = try await EngineHarness(path: path, segmentRowsMax: 4_000)
    var random = SeededGenerator(seed: 12)
    _ = try await harness.engine.createCollection(
      "words", schema: CollectionSchema(dimension: 4, metric: .cosine))
    _ = try await harness.engine.write(
      PointBatch(
        ids: (0..<1_000).map { .int64(Int64($0)) }, vectors: random.floats(count: 4_000), dimension: 4),
      to: "words", mode: .upsert)
    // An index seals a segment long before it is full: its rows begin behind room for many more.
    let job = try await harness.engine.startSwitch(
      "words",
      SwitchRequest(
        specification: EncodingSpecification(quantization: .int8, index: .hnsw(m: 6, efConstruction: 40)),
        gate: RecallGateRequest(minimumRecall: 0)))
    #expect(try await harness.finish(job).state == .completed)
    try await harness.shutDown()

    let before = try sealedVectors(of: path)
    try BitFlipTests.flipBit(6, at: before.rowsOffset + 10 * 16, of: before.path)
    let first = try await repair(path, acceptsLoss: true)
    let lost = Set(first.lost.flatMap(\.ids))
    #expect(lost.count == VectorChecksum.rowsMax && first.remaining == [], "\(first)")

    let after = try sealedVectors(of: path)
    #expect(after.rowsOffset < before.rowsOffset, "or this shows nothing")
    try BitFlipTests.flipBit(6, at: after.rowsOffset + 500 * 16, of: after.path)
    let second = try await repair(path, acceptsLoss: true)
    let lostNext = Set(second.lost.flatMap(\.ids))
    #expect(lostNext.count == VectorChecksum.rowsMax && second.remaining == [], "\(second)")
    #expect(lostNext.isDisjoint(with: lost))

    // Without its header, the catalog has to know where the rows are.
    try BitFlipTests.flipBit(6, at: 200, of: try sealedVectors(of: path).path)
    let third = try await repair(path, acceptsLoss: true)
    #expect(third.found.count == 1 && third.lost == [] && third.remaining == [], "\(third)")
  }

  @Test(
    "a switch that waits for its release waits on: a repair neither waits for it nor lets it go live",
    .timeLimit(.minutes(60)))
  func heldSwitch() async throws {
    let fixture = try await DamageFixture()
    let copy = try fixture.copy()
    defer { try? FileManager.default.removeItem(atPath: copy) }
    let (job, live) = try await holdSwitch(of: copy)
    let codes = try #require(fixture.regions.first { $0.file.hasSuffix(".codes") && $0.name == "rows" })
    try BitFlipTests.flipBit(3, at: codes.bytes.lowerBound, of: "\(copy)/\(codes.file)")
    let report = try await repair(copy)
    #expect(report.found.count == 1 && report.lost == [] && report.remaining == [], "\(report)")

    let engine = try await engine(copy)
    let waiting = try engine.job(job)
    #expect(!waiting.state.isFinal && waiting.state != .paused, "\(waiting)")
    #expect(waiting.heldUntil == JobInfo.untilReleased)
    #expect(try engine.describeCollection("words").generation.id == live)
    await engine.close()
  }

  @Test(
    "a form that cannot be given back is named, and the loss of its generation is in the history",
    .timeLimit(.minutes(60)))
  func lostForm() async throws {
    let fixture = try await DamageFixture()
    let copy = try fixture.copy()
    defer { try? FileManager.default.removeItem(atPath: copy) }
    // It keeps other switches away.
    let (job, live) = try await holdSwitch(of: copy)
    for region in fixture.regions where region.file.hasSuffix(".encoder") && region.name == "rows" {
      try BitFlipTests.flipBit(3, at: region.bytes.lowerBound, of: "\(copy)/\(region.file)")
    }
    let report = try await repair(copy)
    #expect(report.lost == [] && report.remaining == [], "\(report)")
    #expect(
      report.notes.contains { $0.contains(#""quantization":"int8""#) && $0.contains("hnsw") }, "\(report)")

    let engine = try await engine(copy)
    #expect(try !engine.job(job).state.isFinal)
    #expect(try engine.describeCollection("words").generation.specification.isIdentity)
    let entry = try #require(try engine.history(of: "words").first)
    #expect(entry.action == .generationSwitched && entry.before == "\(live) int8", "\(entry)")
    await engine.close()
  }

  @Test("a sound directory is left as it is")
  func sound() async throws {
    let fixture = try await DamageFixture()
    let copy = try fixture.copy()
    defer { try? FileManager.default.removeItem(atPath: copy) }
    #expect(try await repair(copy) == RepairReport())
    #expect(try await fixture.answers(of: copy) == fixture.truth)
  }

  private func engine(_ path: String) async throws -> Engine {
    var logger = Logger(label: "repaired")
    logger.logLevel = .critical
    return try await Engine.open(
      EngineConfiguration(dataDirectory: path, computeThreads: 1, segmentRowsMax: 400), logger: logger)
  }

  /// - Returns: a job that waits for its release, and the generation that is live.
  private func holdSwitch(of path: String) async throws -> (job: Int64, live: Int64) {
    let harness = try await EngineHarness(path: path, segmentRowsMax: 400)
    let live = try harness.engine.describeCollection("words").generation.id
    var job = try await harness.engine.startSwitch(
      "words",
      SwitchRequest(
        specification: EncodingSpecification(quantization: .int4),
        gate: RecallGateRequest(minimumRecall: 0), swapAt: JobInfo.untilReleased))
    while !job.state.isFinal && job.state != .held {
      job = try await harness.engine.waitForJob(job.id, changedSince: job, seconds: 30)
    }
    #expect(job.state == .held)
    try await harness.shutDown()
    return (job.id, live)
  }

  /// The file of the only sealed segment, and where its rows begin.
  private func sealedVectors(of path: String) throws -> (path: String, rowsOffset: Int) {
    let directory = try DataDirectory(path: path)
    defer { directory.close() }
    let segments = try directory.read { db in
      try directory.catalog.collections(in: db).flatMap { try directory.catalog.segments(of: $0.id, in: db) }
    }
    let segment = try #require(segments.first { $0.state == .sealed })
    let file = try SegmentFile(path: directory.absolutePath(segment.file), kind: .vectors)
    return (file.path, file.header.rowsOffset)
  }

  private func overlap(_ found: [[PointID]]?, _ truth: [[PointID]]?) -> Double {
    guard let found, let truth else { return 0 }
    let hits = zip(found, truth).reduce(0) { $0 + Set($1.0).intersection($1.1).count }
    return Double(hits) / Double(truth.joined().count)
  }
}
