import Foundation
import MoultEngine
import MoultModel
import MoultTesting
import Synchronization
import Testing

/// Copies of collections: whole, of one state, and put in by all or nothing.
@Suite("Backup and restore")
struct BackupTests {
  // MARK: Laws

  @Test(
    "law: what comes out of a backup answers as what went in, in every form, also after a rollback",
    arguments: forms)
  func roundTrip(form: EncodingSpecification) async throws {
    let source = try await EngineHarness(segmentRowsMax: Self.segmentRows)
    try await fill(source, "words", form)
    try await source.engine.changeAliases([
      .create("live", collection: "words"), .create("also", collection: "words"),
    ])
    let bytes = try await archive(source.engine)
    let before = try await contents(source.engine, "words")
    let summary = try check(bytes)
    #expect(summary.collections.map(\.rows) == [before.points.count] && summary.bytes == bytes.count)
    #expect(summary.aliases == ["live": "words", "also": "words"])
    _ = try await source.engine.rollback("words")
    let rolledBack = try await contents(source.engine, "words")
    try await source.shutDown()

    // Numbers of collections, generations and segments are taken there.
    let target = try await EngineHarness(segmentRowsMax: Self.segmentRows)
    try await fill(target, "other", EncodingSpecification(quantization: .int8))
    let untouched = try await contents(target.engine, "other")
    let report = try await restore(bytes, into: target.engine)
    #expect(report.collections.map(\.name) == ["words"] && report.collections[0].rows == before.points.count)
    #expect(report.collections[0].sequence == summary.collections[0].sequence)
    #expect(try target.engine.listAliases(of: "words").map(\.alias) == ["also", "live"])
    #expect(try await contents(target.engine, "live") == before)
    #expect(try await contents(target.engine, "other") == untouched)
    try await target.settle()
    try await target.shutDown()
    try requireSound(target)

    let again = try await EngineHarness(directory: target.directory, segmentRowsMax: Self.segmentRows)
    #expect(try await contents(again.engine, "live") == before)
    _ = try await again.engine.rollback("words")
    #expect(try await contents(again.engine, "words") == rolledBack)
    // It takes writes, and a backup of the copy holds the same.
    #expect(try check(try await archive(again.engine, ["words"])).collections == summary.collections)
    var random = SeededGenerator(seed: 7)
    _ = try await again.engine.write(batch(0..<300, &random, version: 9), to: "words", mode: .upsert)
    #expect(
      try await again.engine.query(
        "words", filter: nil, limit: 1, includeVectors: false, includePayload: true
      ).points.first?.payload == #"{"n":0,"v":9}"#)
    try await again.shutDown()
    try requireSound(again)
  }

  @Test(
    "a backup made while writes and switches go on is a state between two writes, with all that was acknowledged before"
  )
  func whileWriting() async throws {
    let harness = try await EngineHarness(segmentRowsMax: Self.segmentRows)
    let engine = harness.engine
    _ = try await engine.createCollection("words", schema: CollectionSchema(dimension: Self.dimension))
    let ended = Flag()
    // Every write replaces the same hundred points and adds ten.
    let writer = Task {
      var random = SeededGenerator(seed: 11)
      var version = 0
      while !ended.isSet {
        version += 1
        let new = Int64(1_000 + version * 10)
        _ = try await engine.write(
          batch(Array(0..<100) + Array(new..<new + 10), &random, version: version), to: "words", mode: .upsert
        )
        try await engine.createAlias("at\(version)", collection: "words")
      }
      return version
    }
    let switcher = Task {
      var forms = [EncodingSpecification(quantization: .int8), EncodingSpecification(quantization: .binary)]
      while !ended.isSet {
        forms.reverse()
        let job = try await engine.startSwitch(
          "words", SwitchRequest(specification: forms[0], gate: RecallGateRequest(minimumRecall: 0)))
        _ = try await harness.finish(job)
      }
    }
    while try engine.describeCollection("words").count < 150 { await Task.yield() }
    var archives: [(acknowledged: Int, bytes: [UInt8])] = []
    for _ in 0..<5 {
      let acknowledged = try engine.listAliases().count
      archives.append((acknowledged, try await archive(engine)))
    }
    ended.set()
    let last = try await writer.value
    try await switcher.value
    try await harness.settle()
    try await harness.shutDown()

    for (acknowledged, bytes) in archives {
      let target = try await EngineHarness(segmentRowsMax: Self.segmentRows)
      let report = try await restore(bytes, into: target.engine)
      let points = try await target.engine.scan(
        "words", after: nil, limit: 100_000, includeVectors: true, includePayload: true
      ).points
      let version = (points.count - 100) / 10
      #expect(points.count == 100 + 10 * version && version >= acknowledged && version <= last)
      #expect(report.collections[0].sequence == version)
      // Alias and write are two commits: the last one may be without its alias.
      #expect([version, version - 1].contains(try target.engine.listAliases().count))
      for point in points.prefix(100) { #expect(point.payload?.hasSuffix(#""v":\#(version)}"#) == true) }
      for point in points.enumerated().filter({ $0.offset % 17 == 0 }).map(\.element) {
        let hits = try await target.engine.search(
          SearchRequest(queries: point.vector!, dimension: Self.dimension, limit: 1, exact: true), in: "words"
        ).hits[0]
        #expect(hits.first?.id == point.id)
      }
      try await target.settle()
      try await target.shutDown()
      try requireSound(target)
    }
  }

  @Test("what is dropped, merged or switched while a backup is read is in it all the same")
  func pinned() async throws {
    let harness = try await EngineHarness(segmentRowsMax: Self.segmentRows)
    try await fill(
      harness, "words", EncodingSpecification(quantization: .int8, index: .hnsw(m: 6, efConstruction: 40)))
    try await fill(harness, "gone", EncodingSpecification(quantization: .binary))
    let before = (
      try await contents(harness.engine, "words"), try await contents(harness.engine, "gone")
    )
    let backup = try await harness.engine.startBackup()
    var bytes = try await backup.next() ?? []
    try await harness.engine.dropCollection("gone")
    for form in [EncodingSpecification(quantization: .int4), EncodingSpecification()] {
      _ = try await harness.finish(
        try await harness.engine.startSwitch(
          "words", SwitchRequest(specification: form, gate: RecallGateRequest(minimumRecall: 0))))
    }
    var random = SeededGenerator(seed: 3)
    _ = try await harness.engine.write(batch(0..<400, &random, version: 5), to: "words", mode: .upsert)
    try await harness.settle()
    bytes += try await archive(backup)
    try await harness.shutDown()
    let target = try await EngineHarness(segmentRowsMax: Self.segmentRows)
    _ = try await restore(bytes, into: target.engine)
    #expect(try await contents(target.engine, "words") == before.0)
    #expect(try await contents(target.engine, "gone") == before.1)
    try await target.shutDown()
  }

  // MARK: Names

  @Test("names that are taken are refused, or replaced when asked; one collection can get another name")
  func names() async throws {
    let harness = try await EngineHarness(segmentRowsMax: Self.segmentRows)
    let engine = harness.engine
    try await fill(harness, "words", EncodingSpecification(quantization: .int8))
    try await fill(harness, "other", nil)
    try await engine.changeAliases([
      .create("live", collection: "words"), .create("second", collection: "other"),
    ])
    let bytes = try await archive(engine)
    let before = try await contents(engine, "words")
    _ = try await engine.delete((0..<700).map { .int64($0) }, from: "words")
    let emptied = try await contents(engine, "words")
    try await engine.createAlias("mine", collection: "words")

    func refused(_ request: RestoreRequest) async -> MoultError.Code? {
      await code { _ = try await restore(bytes, into: engine, request) }
    }
    #expect(await refused(RestoreRequest()) == .collectionExists)
    #expect(await refused(RestoreRequest(only: "words")) == .collectionExists)
    #expect(await refused(RestoreRequest(only: "nowhere")) == .collectionNotFound)
    #expect(await refused(RestoreRequest(name: "copy")) == .invalidArgument)
    #expect(await refused(RestoreRequest(only: "words", name: "a b")) == .invalidArgument)
    #expect(await refused(RestoreRequest(only: "words", name: "live", ifExists: .replace)) == .nameConflict)
    #expect(try await contents(engine, "words") == emptied)
    #expect(try engine.listCollections().map(\.name) == ["other", "words"])

    let copied = try await restore(bytes, into: engine, RestoreRequest(only: "words", name: "copy"))
    #expect(copied.collections.map(\.source) == ["words"] && copied.aliases == [])
    #expect(try await contents(engine, "copy") == before)
    #expect(try engine.describeAlias("live") == "words")

    try await engine.alterAlias("live", collection: "other")
    #expect(await code { try await engine.dropAlias("second") } == nil)
    let replaced = try await restore(bytes, into: engine, RestoreRequest(only: "words", ifExists: .replace))
    #expect(replaced.collections.map(\.replaced) == [true])
    #expect(replaced.aliases == [AliasChange(alias: "live", before: "other", after: "words")])
    // What pointed to the collection that was replaced points to the one in its place.
    for name in ["words", "live", "mine"] { #expect(try await contents(engine, name) == before) }
    let entries = try engine.history(of: "words", limit: 1)
    #expect(entries.first?.action == .collectionRestored && entries.first?.before != nil)
    var random = SeededGenerator(seed: 3)
    let written = try await engine.write(batch(0..<10, &random), to: "mine", mode: .upsert)
    #expect(written.servedBy.collection == "words")
    try await harness.settle()
    try await harness.shutDown()
    try requireSound(harness)
  }

  @Test("an empty server, and a collection without points, have their backups too")
  func empty() async throws {
    let harness = try await EngineHarness()
    #expect(try check(try await archive(harness.engine)).collections == [])
    #expect(await code { _ = try await harness.engine.startBackup(of: ["x"]) } == .collectionNotFound)
    _ = try await harness.engine.createCollection(
      "x", schema: CollectionSchema(dimension: 3, keyKind: .string, automaticKeys: true, summary: "s"))
    let bytes = try await archive(harness.engine)
    try await harness.engine.dropCollection("x")
    _ = try await restore(bytes, into: harness.engine)
    let info = try harness.engine.describeCollection("x")
    #expect(info.count == 0 && info.schema.summary == "s" && info.schema.automaticKeys)
    let written = try await harness.engine.write(
      PointBatch(ids: [], vectors: [1, 2, 3], dimension: 3), to: "x", mode: .insert)
    #expect(written.ids == [.string("1")])
    try await harness.shutDown()
    try requireSound(harness)
  }
}

/// Tells tasks to end.
private final class Flag: Sendable {
  private let value = Atomic(false)
  var isSet: Bool { value.load(ordering: .relaxed) }
  func set() { value.store(true, ordering: .relaxed) }
}
