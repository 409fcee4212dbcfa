import Foundation
import MoultEngine
import MoultModel
import MoultStorage
import MoultStorageTesting
import MoultTesting
import Synchronization
import Testing

/// Copies of collections: whole, of one state, and put in by all or nothing.
@Suite("Backup and restore")
struct BackupTests {
  private static let dimension = 24
  private static let segmentRows = 200

  // MARK: Steps

  /// Pieces of an archive as a stream of them.
  private struct Pieces: AsyncSequence, AsyncIteratorProtocol {
    var bytes: ArraySlice<UInt8>
    var size = 10_007
    mutating func next() async -> [UInt8]? {
      guard !bytes.isEmpty else { return nil }
      defer { bytes = bytes.dropFirst(size) }
      return Array(bytes.prefix(size))
    }
    func makeAsyncIterator() -> Pieces { self }
  }

  private func archive(_ backup: RunningBackup) async throws -> [UInt8] {
    var bytes: [UInt8] = []
    while let part = try await backup.next() { bytes += part }
    return bytes
  }

  private func archive(_ engine: Engine, _ names: [String] = []) async throws -> [UInt8] {
    try await archive(try await engine.startBackup(of: names))
  }

  private func restore(
    _ bytes: [UInt8], into engine: Engine, _ request: RestoreRequest = RestoreRequest()
  ) async throws -> RestoreReport {
    try await engine.restore(Pieces(bytes: bytes[...]), request)
  }

  private func check(_ bytes: [UInt8]) throws -> BackupSummary {
    var check = BackupCheck()
    try bytes.withUnsafeBytes { try check.read($0) }
    return try check.finish()
  }

  private func code(_ body: () async throws -> Void) async -> MoultError.Code? {
    do {
      try await body()
      return nil
    } catch { return (error as? MoultError)?.code }
  }

  private func batch(
    _ ids: some Sequence<Int64>, _ random: inout SeededGenerator, version: Int = 0
  ) -> PointBatch {
    let ids = Array(ids)
    return PointBatch(
      ids: ids.map { .int64($0) }, vectors: random.floats(count: ids.count * Self.dimension),
      dimension: Self.dimension, payloads: ids.map { #"{"n":\#($0),"v":\#(version)}"# })
  }

  /// Sealed segments, a merged one, rows that grow, dead rows; two generations when a form is given.
  private func fill(_ harness: EngineHarness, _ name: String, _ form: EncodingSpecification?) async throws {
    let engine = harness.engine
    var random = SeededGenerator(seed: 5)
    _ = try await engine.createCollection(name, schema: CollectionSchema(dimension: Self.dimension))
    for first in stride(from: Int64(0), to: 700, by: 100) {
      _ = try await engine.write(batch(first..<first + 100, &random), to: name, mode: .upsert)
    }
    _ = try await engine.delete((0..<150).filter { $0 % 3 != 0 }.map { .int64(Int64($0)) }, from: name)
    try await harness.settle()
    if let form {
      let job = try await engine.startSwitch(
        name, SwitchRequest(specification: form, gate: RecallGateRequest(minimumRecall: 0)))
      let finished = try await harness.finish(job)
      #expect(finished.state == .completed, "\(form): \(finished.error ?? "")")
    }
    _ = try await engine.write(batch(650..<760, &random, version: 1), to: name, mode: .upsert)
    _ = try await engine.delete([.int64(700)], from: name)
    try await harness.settle()
  }

  /// All that can be asked of a collection.
  private struct Contents: Equatable {
    var hits: [[SearchHit]]
    var exact: [[SearchHit]]
    var points: [Point]
    var schema: CollectionSchema
    var generations: [EncodingSpecification]
  }

  private func contents(_ engine: Engine, _ name: String) async throws -> Contents {
    var random = SeededGenerator(seed: 6)
    let queries = random.floats(count: 5 * Self.dimension)
    func search(exact: Bool) async throws -> [[SearchHit]] {
      try await engine.search(
        SearchRequest(
          queries: queries, dimension: Self.dimension, limit: 10, ef: 2_000, exact: exact,
          includePayload: true), in: name
      ).hits
    }
    return Contents(
      hits: try await search(exact: false), exact: try await search(exact: true),
      points: try await engine.scan(
        name, after: nil, limit: 10_000, includeVectors: true, includePayload: true
      ).points, schema: try engine.describeCollection(name).schema,
      generations: try engine.generations(of: name).map(\.specification))
  }

  private func requireSound(_ harness: EngineHarness) throws {
    let directory = try DataDirectory(path: harness.directory.path)
    defer { directory.close() }
    let report = directory.check(deep: true)
    #expect(report.isSound && report.orphans == [], "\(report)")
  }

  private static let forms: [EncodingSpecification] =
    Quantization.allCases.filter { $0 != .none }.map { EncodingSpecification(quantization: $0) }
    + [
      EncodingSpecification(index: .hnsw(m: 6, efConstruction: 40)),
      EncodingSpecification(index: .ivf(lists: 8)),
      EncodingSpecification(quantization: .int8, index: .hnsw(m: 6, efConstruction: 40)),
      EncodingSpecification(quantization: .binary, index: .ivf(lists: 8)),
      EncodingSpecification(quantization: .int8, dimensions: 12, transform: .pca),
    ]

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

  // MARK: Damage

  /// A small archive with a file of every kind.
  private func smallArchive() async throws -> [UInt8] {
    let harness = try await EngineHarness(segmentRowsMax: 100)
    let engine = harness.engine
    var random = SeededGenerator(seed: 5)
    _ = try await engine.createCollection("words", schema: CollectionSchema(dimension: Self.dimension))
    for first in stride(from: Int64(0), to: 250, by: 50) {
      _ = try await engine.write(batch(first..<first + 50, &random), to: "words", mode: .upsert)
    }
    _ = try await engine.delete((0..<100).filter { $0 % 2 == 0 }.map { .int64(Int64($0)) }, from: "words")
    try await harness.settle()
    _ = try await harness.finish(
      try await engine.startSwitch(
        "words",
        SwitchRequest(
          specification: EncodingSpecification(quantization: .int8, index: .hnsw(m: 4, efConstruction: 20)),
          gate: RecallGateRequest(minimumRecall: 0))))
    try await engine.createAlias("live", collection: "words")
    try await harness.settle()
    let bytes = try await archive(engine)
    try await harness.shutDown()
    return bytes
  }

  @Test("R8: every flipped bit and every cut of a backup is found")
  func damage() async throws {
    let bytes = try await smallArchive()
    _ = try check(bytes)
    var random = SeededGenerator(seed: 0xf11b)
    var missed = 0
    let flips = Scale.count(1_000, soak: 20_000)
    for _ in 0..<flips {
      var damaged = bytes
      let place = Int.random(in: 0..<bytes.count, using: &random)
      damaged[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
      do {
        _ = try check(damaged)
        missed += 1
      } catch let error as MoultError {
        let isTold = error.code == .corrupted && error.message.contains("at byte")
        #expect(isTold || error.code == .unsupportedVersion, "byte \(place): \(error)")
      }
    }
    let cuts = Scale.count(200, soak: 5_000)
    for cut in 0..<cuts {
      let length = cut < 20 ? bytes.count - 1 - cut * 97 : Int.random(in: 0..<bytes.count, using: &random)
      do {
        _ = try check(Array(bytes[..<length]))
        missed += 1
      } catch { #expect((error as? MoultError)?.code == .corrupted) }
    }
    #expect(throws: MoultError.self) { try check(bytes + [0]) }
    #expect(missed == 0)
    Figures.note("R8", "flips of backups", flips, "cuts", cuts, "not found", missed)
  }

  @Test("a damaged backup is refused with entry and place, and nothing of it is left")
  func damagedRestore() async throws {
    let bytes = try await smallArchive()
    let harness = try await EngineHarness()
    var random = SeededGenerator(seed: 0xf11c)
    for round in 0..<40 {
      var damaged = bytes
      if round % 2 == 0 {
        damaged[Int.random(in: 0..<bytes.count, using: &random)] ^= 1
      } else {
        damaged = Array(bytes[..<Int.random(in: 0..<bytes.count, using: &random)])
      }
      #expect(await code { _ = try await restore(damaged, into: harness.engine) } != nil)
      #expect(try harness.engine.listCollections().isEmpty && harness.engine.listAliases().isEmpty)
    }
    _ = try await restore(bytes, into: harness.engine)
    try await harness.shutDown()
    try requireSound(harness)
  }

  /// Of the form that answers, relative to the data directory.
  private func codesFile(_ harness: EngineHarness) throws -> String {
    let directory = try DataDirectory(path: harness.directory.path)
    defer { directory.close() }
    return try directory.read { db in
      let collection = try directory.catalog.collections(in: db)[0]
      return try directory.catalog.generationSegments(of: collection.currentGeneration, in: db)[0].codesFile!
    }
  }

  @Test("damage in the data directory is not copied: the backup ends with an error that names the file")
  func damagedSource() async throws {
    let harness = try await EngineHarness(segmentRowsMax: Self.segmentRows)
    try await fill(harness, "words", EncodingSpecification(quantization: .int8))
    try await harness.shutDown()
    let file = try codesFile(harness)
    let path = "\(harness.directory.path)/\(file)"
    var content = try Data(contentsOf: URL(fileURLWithPath: path))
    content[content.count - 5] ^= 4
    try content.write(to: URL(fileURLWithPath: path))
    let again = try await EngineHarness(directory: harness.directory, segmentRowsMax: Self.segmentRows)
    let backup = try await again.engine.startBackup()
    var bytes: [UInt8] = []
    do {
      while let part = try await backup.next() { bytes += part }
      Issue.record("the damage was copied")
    } catch {
      bytes += RunningBackup.ending(error)
    }
    let error = #expect(throws: MoultError.self) { try check(bytes) }
    #expect(error?.code == .corrupted && error?.message.contains(file) == true, "\(error?.message ?? "")")
    try await again.shutDown()
  }

  @Test("two backups are read at a time and no more; one that is let go makes room")
  func slots() async throws {
    let harness = try await EngineHarness()
    var backups = [try await harness.engine.startBackup(), try await harness.engine.startBackup()]
    await #expect {
      _ = try await harness.engine.startBackup()
    } throws: { ($0 as? MoultError)?.code == .overloaded }
    backups.removeLast()
    // The thread that read it last lets go of it a moment later.
    while backups.count < 2 {
      do { backups.append(try await harness.engine.startBackup()) } catch let error as MoultError
        where error.code == .overloaded
      { await Task.yield() }
    }
    backups = []
    try await harness.shutDown()
  }

  @Test("R6: a disk that fails at any call leaves a restore undone, and what was there as it was")
  func faults() async throws {
    let bytes = try await smallArchive()
    var failures = 0
    for call in 0..<Scale.count(60, soak: 2_000) {
      let all = FaultyFileSystem.Fault.allCases
      let fault = all[call % all.count]
      let directory = TemporaryDirectory()
      do {
        let first = try await EngineHarness(directory: directory)
        _ = try await first.engine.createCollection("present", schema: CollectionSchema(dimension: 2))
        try await first.shutDown()
      }
      let disk = FaultyFileSystem(fault, atCall: call)
      let note = Comment(rawValue: "\(fault) at call \(call)")
      do {
        let harness = try await EngineHarness(directory: directory, fileSystem: disk)
        do {
          _ = try await restore(bytes, into: harness.engine)
          #expect(try harness.engine.listCollections().count == 2, note)
        } catch {
          failures += 1
          #expect(try harness.engine.listCollections().map(\.name) == ["present"], note)
        }
        try await harness.shutDown()
      } catch is MoultError {}
      let again = try await EngineHarness(directory: directory)
      let names = try again.engine.listCollections().map(\.name)
      #expect(names == ["present"] || names == ["present", "words"], note)
      if names.count == 2 { #expect(try again.engine.describeAlias("live") == "words", note) }
      try await again.settle()
      try await again.shutDown()
      try requireSound(again)
    }
    #expect(failures > 20)
    Figures.note("R6", "restores on failing disks", failures)
  }
}

/// Tells tasks to end.
private final class Flag: Sendable {
  private let value = Atomic(false)
  var isSet: Bool { value.load(ordering: .relaxed) }
  func set() { value.store(true, ordering: .relaxed) }
}
