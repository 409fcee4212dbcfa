import Foundation
import MoultModel
import MoultStorage
import MoultTesting
import Testing

@testable import MoultEngine

/// R7: files that end early, and sectors that never reached the disk, in each kind of file.
@Suite("R7: torn files")
struct TornFileTests {
  private static let seed: UInt64 = 7

  struct Outcome {
    var cases = 0
    var wrong: [String] = []
    var missed: [String] = []
  }

  @Test("a short file, or one with sectors missing, is found or mended, never answered from")
  func found() async throws {
    let fixture = try await DamageFixture()
    let outcome = try await Self.run(fixture, roundsPerFile: Scale.count(6, soak: 400))
    #expect(outcome.wrong == [] && outcome.missed == [])
    Figures.note(
      "R7", "torn files", outcome.cases, "not found", outcome.missed.count, "wrong answers",
      outcome.wrong.count)
  }

  @Test("control: without comparing checksums, missing sectors are answered from", .tags(.control))
  func control() async throws {
    let outcome = try await Self.run(try await DamageFixture(), roundsPerFile: 6, trusting: true)
    #expect(!outcome.wrong.isEmpty)
  }

  @Test("a torn write-ahead log gives back a prefix of what was written, or says that it cannot")
  func tornLog() async throws {
    let source = TemporaryDirectory(inMemory: true)
    let copies = TemporaryDirectory(inMemory: true)
    let image = copies.path + "/image"
    let harness = try await EngineHarness(path: source.path, segmentRowsMax: 1_000)
    _ = try await harness.engine.createCollection(
      "c", schema: CollectionSchema(dimension: 2, metric: .innerProduct))
    for batch in 0..<20 {
      _ = try await harness.engine.write(
        PointBatch(
          ids: (0..<5).map { .int64(Int64(batch * 5 + $0)) }, vectors: (0..<10).map { Float($0 + batch) },
          dimension: 2), to: "c", mode: .insert)
    }
    try FileManager.default.copyItem(atPath: source.path, toPath: image)
    try await harness.shutDown()
    try? FileManager.default.removeItem(atPath: image + "/moult.sqlite-shm")
    let log = try Data(contentsOf: URL(fileURLWithPath: image + "/moult.sqlite-wal"))
    #expect(log.count > 20 * 4_096)
    var random = SeededGenerator(seed: Self.seed)
    for round in 0..<Scale.count(40, soak: 2_000) {
      let copy = "\(copies.path)/\(round)"
      defer { try? FileManager.default.removeItem(atPath: copy) }
      try FileManager.default.copyItem(atPath: image, toPath: copy)
      let end = Int.random(in: 0...log.count, using: &random)
      var torn = log[..<(round % 2 == 0 ? end : log.count)]
      if round % 2 == 1 {
        // A sector that never came.
        let sector = end / 512 * 512
        for index in sector..<min(sector + 512, torn.count) { torn[index] = 0 }
      }
      try torn.write(to: URL(fileURLWithPath: copy + "/moult.sqlite-wal"))
      let again: EngineHarness
      do { again = try await EngineHarness(path: copy, segmentRowsMax: 1_000) } catch {
        #expect((error as? MoultError)?.code == .corrupted, "round \(round)")
        continue
      }
      if again.engine.hasCollection("c") {
        let points = try await again.engine.scan(
          "c", after: nil, limit: 1_000, includeVectors: true, includePayload: false
        ).points
        // Whole batches, from the first on.
        #expect(points.count % 5 == 0, "round \(round), cut at \(end)")
        #expect(points.map(\.id) == (0..<Int64(points.count)).map { .int64($0) }, "round \(round)")
        for (index, point) in points.enumerated() {
          let first = Float(2 * (index % 5) + index / 5)
          #expect(point.vector == [first, first + 1], "round \(round)")
        }
      }
      try await again.shutDown()
    }
  }

  static func run(
    _ fixture: DamageFixture, roundsPerFile: Int, trusting: Bool = false
  ) async throws -> Outcome {
    var outcome = Outcome()
    var random = SeededGenerator(seed: seed)
    for file in Set(fixture.regions.map(\.file)).sorted() {
      let sound = try Data(contentsOf: URL(fileURLWithPath: "\(fixture.path)/\(file)"))
      // Of a growing file only what is committed counts; its end is where the last used region ends.
      let used = fixture.regions.filter { $0.file == file && !$0.isUnused }.map(\.bytes)
      for round in 0..<roundsPerFile {
        let copy = try fixture.copy()
        defer { try? FileManager.default.removeItem(atPath: copy) }
        var torn = sound
        if round % 2 == 0 {
          torn = torn.prefix(trusting ? torn.count : Int.random(in: 0..<torn.count, using: &random))
        } else {
          for sector in 0..<(torn.count + 511) / 512 where Int.random(in: 0..<4, using: &random) == 0 {
            // The header's sector tells by itself; without it the control would never get to the payload.
            if trusting && sector * 512 < 256 { continue }
            for index in sector * 512..<min(torn.count, sector * 512 + 512) { torn[index] = 0 }
          }
        }
        try torn.write(to: URL(fileURLWithPath: "\(copy)/\(file)"))
        let isChanged =
          (used.last!.upperBound > torn.count)
          || used.contains { Data(torn[$0]) != Data(sound[$0]) }
          // A sealed file has an exact size.
          || (torn.count != sound.count && !fixture.regions.contains { $0.file == file && $0.isUnused })
        let note = "\(file), round \(round), seed \(seed), \(torn.count) of \(sound.count) bytes"
        outcome.cases += 1
        let directory = try DataDirectory(path: copy)
        let isSound = directory.check(deep: true).isSound
        directory.close()
        if isSound == isChanged { outcome.missed.append(note) }
        let answers = try await fixture.answers(of: copy, trusting: trusting)
        if answers.isWrong(beside: fixture.truth) { outcome.wrong.append(note) }
        if !isChanged, answers != fixture.truth { outcome.wrong.append(note) }
      }
    }
    return outcome
  }
}
