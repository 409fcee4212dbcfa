import Foundation
import MoultEngine
import MoultModel
import MoultStorage
import MoultStorageTesting
import MoultTesting
import Testing

/// Damage to an archive, to what it is made of, and to the disk that it is put on.
extension BackupTests {
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
