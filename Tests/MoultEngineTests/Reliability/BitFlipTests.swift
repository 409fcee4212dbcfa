import Foundation
import MoultModel
import MoultStorage
import MoultTesting
import Testing

@testable import MoultEngine

/// R8: flipped bits in each region of each kind of file.
@Suite("R8: flipped bits")
struct BitFlipTests {
  private static let seed: UInt64 = 0x0b17_f11b

  /// What became of a number of flips.
  struct Outcome {
    var flips = 0
    /// Answers that differ from those of the sound directory.
    var wrong: [String] = []
    /// Flips that `check(deep:)` did not find although somebody reads the byte.
    var missed: [String] = []
    /// Problems without the file's name or without a place in it.
    var vague: [String] = []
    /// The collection that was not touched did not answer.
    var spread: [String] = []
    var kinds: Set<String> = []
  }

  @Test("500 of them are each found, and no question is answered wrongly")
  func found() async throws {
    let fixture = try await DamageFixture()
    let outcome = try await Self.run(fixture, flips: Scale.count(500, soak: 20_000))
    #expect(outcome.wrong == [] && outcome.missed == [] && outcome.vague == [] && outcome.spread == [])
    // Or the fixture lacks a kind of file, or a region.
    for kind in ["vectors", "rows", "codes", "graph", "encoder"] {
      #expect(outcome.kinds.contains("rows of \(kind)") && outcome.kinds.contains("header of \(kind)"))
    }
    #expect(outcome.kinds.contains("side section of codes"))
    #expect(outcome.kinds.contains("rows to come of vectors"))
    Figures.note(
      "R8", "flips", outcome.flips, "not found", outcome.missed.count, "wrong answers", outcome.wrong.count)
  }

  @Test("control: without comparing checksums, answers go wrong", .tags(.control))
  func control() async throws {
    let fixture = try await DamageFixture()
    let outcome = try await Self.run(fixture, flips: 150, trusting: true)
    #expect(!outcome.wrong.isEmpty)
  }

  @Test("a damaged page of the database costs what lies there; a job that meets it fails at once, naming it")
  func database() async throws {
    let fixture = try await DamageFixture()
    let pages = try Data(contentsOf: URL(fileURLWithPath: fixture.path + "/moult.sqlite")).count / 4_096
    var random = SeededGenerator(seed: Self.seed)
    var answered = 0
    var failedJobs = 0
    for page in 1..<pages {
      let copy = try fixture.copy()
      defer { try? FileManager.default.removeItem(atPath: copy) }
      let place = page * 4_096 + Int.random(in: 0..<4_096, using: &random)
      try Self.flipBit(page % 8, at: place, of: copy + "/moult.sqlite")
      let answers = try await fixture.answers(of: copy)
      #expect(!answers.isWrong(beside: fixture.truth), "byte \(place), seed \(Self.seed)")
      if answers.exact != nil || answers.other != nil { answered += 1 }
      guard page % 4 == 0 else { continue }
      let harness: EngineHarness
      do { harness = try await EngineHarness(path: copy) } catch let error as MoultError {
        #expect(error.code == .corrupted, "byte \(place): \(error.message)")
        continue
      }
      do {
        var job = try await harness.engine.startSwitch(
          "words",
          SwitchRequest(
            specification: EncodingSpecification(quantization: .int4),
            gate: RecallGateRequest(minimumRecall: 0)))
        job = try await harness.finish(job)
        if job.state != .completed {
          #expect(job.errorCode == "corrupted" && job.attempt == 1, "byte \(place): \(job)")
          #expect(job.error?.contains("moult.sqlite is damaged at byte ") == true, "\(job.error ?? "")")
          failedJobs += 1
        }
      } catch let error as MoultError {
        #expect(error.code == .corrupted, "byte \(place): \(error.message)")
      }
      try await harness.shutDown()
    }
    #expect(answered > pages / 3, "\(answered) of \(pages)")
    Figures.note(
      "R8", "damaged pages under an engine", pages - 1, "something was answered", answered,
      "jobs that failed",
      failedJobs)
  }

  /// - Parameter trusting: takes every file for sound, as an engine would that compares no checksums.
  static func run(_ fixture: DamageFixture, flips: Int, trusting: Bool = false) async throws -> Outcome {
    var outcome = Outcome()
    var random = SeededGenerator(seed: seed)
    // The generation that can be rolled back to answers nothing: it is looked at by `check` alone.
    for flip in 0..<flips {
      let region = fixture.regions[flip % fixture.regions.count]
      let place = Int.random(in: region.bytes, using: &random)
      // In the last bits of a float nothing would show; without a check every bit counts.
      let bit = trusting ? 6 : Int.random(in: 0..<8, using: &random)
      let note = "flip \(flip), seed \(seed): bit \(bit) of byte \(place) in the \(region)"
      let copy = try fixture.copy()
      defer { try? FileManager.default.removeItem(atPath: copy) }
      try flipBit(bit, at: place, of: "\(copy)/\(region.file)")
      outcome.flips += 1
      outcome.kinds.insert("\(region.name) of \(region.file.split(separator: ".").last!)")

      let directory = try DataDirectory(path: copy)
      let report = directory.check(deep: true)
      directory.close()
      if report.isSound != region.isUnused { outcome.missed.append(note) }
      for problem in report.problems
      where problem.path != region.file || !problem.message.contains("at byte ")
        || !problem.message.contains(region.file)
      {
        // A graph may be shared by generations: the same bytes under two names.
        if !region.file.hasSuffix(".graph") { outcome.vague.append("\(note): \(problem.message)") }
      }
      let answers = try await fixture.answers(of: copy, trusting: trusting)
      if answers.isWrong(beside: fixture.truth) { outcome.wrong.append(note) }
      if region.isUnused, answers != fixture.truth { outcome.wrong.append(note) }
      if answers.other != fixture.truth.other { outcome.spread.append(note) }
    }
    return outcome
  }

  static func flipBit(_ bit: Int, at place: Int, of path: String) throws {
    let file = try FileHandle(forUpdating: URL(fileURLWithPath: path))
    defer { try? file.close() }
    try file.seek(toOffset: UInt64(place))
    let byte = try #require(try file.read(upToCount: 1)?.first)
    try file.seek(toOffset: UInt64(place))
    try file.write(contentsOf: [byte ^ (1 << UInt8(bit))])
  }
}

extension Engine {
  /// Takes every open file for sound: the broken twin of an engine that compares checksums.
  func trustAllFiles() {
    for collection in aliases.current.collections.values {
      let snapshot = collection.snapshot
      for segment in snapshot.segments {
        if case .sealed(let file) = segment.storage { file.trust() }
      }
      for generation in snapshot.openGenerations {
        for case .file(let codes) in generation.codes.values { codes.file.trust() }
        for index in generation.indexes.values { index.file.trust() }
      }
    }
  }
}
