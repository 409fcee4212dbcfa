import CSQLitePages
import Foundation
import GRDB
import MoultModel
import MoultTesting
import Testing

@testable import MoultStorage

/// R7 and R8 for the files of the database: its pages, its log.
@Suite("R7, R8: the database")
struct DatabaseDamageTests {
  private static let seed: UInt64 = 0xda7a_ba5e

  struct Outcome {
    var cases = 0
    var missed: [String] = []
    var wrong: [String] = []
    /// Messages that do not name file and place.
    var vague: [String] = []
    /// Cases in which something could still be read, and the rest was refused.
    var partly = 0
  }

  @Test("a flipped bit anywhere in a page is found, named, and never answered from")
  func flippedPages() throws {
    try withTemporaryDirectory { root in
      let outcome = try Self.flipPages(DatabaseFixture(in: root), count: Scale.count(200, soak: 8_000))
      #expect(outcome.missed == [] && outcome.wrong == [] && outcome.vague == [])
      // Damage to a table leaves the others.
      #expect(outcome.partly > outcome.cases / 2)
      Figures.note(
        "R8", "flips in pages of the database", outcome.cases, "not found", outcome.missed.count,
        "wrong answers", outcome.wrong.count)
    }
  }

  @Test("control: without comparing checksums of pages, a flip is answered from", .tags(.control))
  func controlOfPages() throws {
    try withTemporaryDirectory { root in
      let outcome = try Self.flipPages(DatabaseFixture(in: root), count: 60, comparesPages: false)
      #expect(!outcome.wrong.isEmpty)
    }
  }

  @Test("a flipped bit anywhere in the log is found: commits are not lost without a word")
  func flippedLog() throws {
    try withTemporaryDirectory { root in
      let outcome = try Self.flipLog(DatabaseFixture(in: root), count: Scale.count(200, soak: 8_000))
      #expect(outcome.missed == [] && outcome.wrong == [] && outcome.vague == [])
      Figures.note(
        "R8", "flips in the log of the database", outcome.cases, "not found", outcome.missed.count,
        "wrong answers", outcome.wrong.count)
    }
  }

  @Test("control: without looking at the log, a flip costs commits without a word", .tags(.control))
  func controlOfLog() throws {
    try withTemporaryDirectory { root in
      let outcome = try Self.flipLog(DatabaseFixture(in: root), count: 30, comparesPages: false)
      #expect(!outcome.wrong.isEmpty)
    }
  }

  @Test("a main file or a log that ends early, lacks sectors or is gone is found")
  func torn() throws {
    try withTemporaryDirectory { root in
      let fixture = try DatabaseFixture(in: root)
      var random = SeededGenerator(seed: Self.seed)
      var outcome = Outcome()
      for (image, suffix, truth) in [
        (fixture.closed, "", fixture.truthOfClosed), (fixture.killed, "-wal", fixture.truthOfKilled),
      ] {
        let sound = try readFile(image + "/moult.sqlite" + suffix)
        for round in 0..<Scale.count(30, soak: 2_000) {
          let copy = try fixture.copy(of: image)
          defer { try? FileManager.default.removeItem(atPath: copy) }
          var torn = sound
          if round == 0 {
            torn = []
          } else if round % 2 == 0 {
            torn = Array(torn.prefix(Int.random(in: 0..<torn.count, using: &random)))
          } else {
            let sector = 512 * Int.random(in: 0..<(torn.count + 511) / 512, using: &random)
            for index in sector..<min(torn.count, sector + 512) { torn[index] = 0 }
          }
          try writeFile(torn, copy + "/moult.sqlite" + suffix)
          // Zeros in place of zeros are no damage.
          let isChanged = torn != sound
          let verdict = try DatabaseFixture.judge(copy)
          let note = "round \(round) of 'moult.sqlite\(suffix)', seed \(Self.seed), \(torn.count) bytes"
          outcome.cases += 1
          if verdict.isFound != isChanged { outcome.missed.append("\(note): \(verdict.messages)") }
          if verdict.isWrong(beside: truth) { outcome.wrong.append(note) }
        }
      }
      #expect(outcome.missed == [] && outcome.wrong == [])
      Figures.note(
        "R7", "torn databases and logs", outcome.cases, "not found", outcome.missed.count, "wrong answers",
        outcome.wrong.count)
    }
  }

  @Test("a page at the place of another is found")
  func misplaced() throws {
    try withTemporaryDirectory { root in
      let fixture = try DatabaseFixture(in: root)
      let file = fixture.closed + "/moult.sqlite"
      var bytes = try readFile(file)
      let (first, second) = (Array(bytes[8_192..<12_288]), Array(bytes[12_288..<16_384]))
      bytes.replaceSubrange(8_192..<12_288, with: second)
      bytes.replaceSubrange(12_288..<16_384, with: first)
      try writeFile(bytes, file)
      let messages = try DatabaseFixture.judge(fixture.closed).messages
      #expect(messages.contains { $0.contains("at byte 8192: page 3") })
      #expect(messages.contains { $0.contains("at byte 12288: page 4") })
    }
  }

  @Test("the deep check names every damaged page, and the table where it is known")
  func allPages() throws {
    try withTemporaryDirectory { root in
      let fixture = try DatabaseFixture(in: root)
      let file = fixture.closed + "/moult.sqlite"
      let pages = try readFile(file).count / 4_096
      let damaged = Array(stride(from: 2, to: pages, by: 3))
      for page in damaged { try flipBit(3, at: page * 4_096 + 100 + page, of: file) }
      let directory: DataDirectory
      do { directory = try DataDirectory(path: fixture.closed) } catch {
        // It could not even be opened: the same list, without names.
        let found = try DataDirectory.databaseDamage(inDirectory: fixture.closed).map(\.message)
        #expect(found.count == damaged.count)
        return
      }
      defer { directory.close() }
      let found = directory.check(deep: true).problems.map(\.message).filter { $0.contains(": page ") }
      for page in damaged {
        #expect(
          found.contains { $0.contains("at byte \(page * 4_096): page \(page + 1)") }, "page \(page + 1)")
      }
      #expect(found.contains { $0.contains("(points_1") })
    }
  }

  @Test("the deep check also looks at pages of the main file that the log still has, once it was taken over")
  func pagesUnderTheLog() throws {
    try withTemporaryDirectory { root in
      let path = try DatabaseFixture(in: root).closed
      let directory = try DataDirectory(path: path)
      defer { directory.close() }
      for _ in 0..<5 { try DatabaseFixture.insert(2, into: 1, of: directory) }
      // Takes the log over and leaves it where it is.
      #expect(directory.check(deep: true).problems.filter { $0.message.contains(": page ") } == [])
      let pages = try WriteAheadLog(of: directory.file).pages()
      #expect(pages.count > 3)
      let file = try FileHandle(forUpdating: URL(fileURLWithPath: path + "/moult.sqlite"))
      for page in pages {
        let place = UInt64(page - 1) * 4_096 + 2_000
        try file.seek(toOffset: place)
        let byte = try #require(try file.read(upToCount: 1)?.first)
        try file.seek(toOffset: place)
        try file.write(contentsOf: [byte ^ 1])
      }
      try file.close()
      let messages = directory.check(deep: true).problems.map(\.message)
      for page in pages {
        #expect(
          messages.contains {
            $0.contains("moult.sqlite is damaged at byte \((page - 1) * 4_096): page \(page)")
          },
          "page \(page)")
      }
    }
  }

  @Test(
    "damage that comes while a directory is open is refused, and not copied from the log into the database")
  func whileOpen() throws {
    try withTemporaryDirectory { root in
      let fixture = try DatabaseFixture(in: root)
      let path = fixture.closed
      let directory = try DataDirectory(path: path)
      for _ in 0..<5 { try DatabaseFixture.insert(2, into: 1, of: directory) }
      let log = path + "/moult.sqlite-wal"
      let size = try readFile(log).count
      // Every frame but one: whichever holds the collections now is refused.
      let handle = try FileHandle(forUpdating: URL(fileURLWithPath: log))
      for frame in 0..<(size - 32) / 4_120 {
        // The schema is what everything else is found by.
        try handle.seek(toOffset: UInt64(32 + frame * 4_120))
        if try handle.read(upToCount: 4) == Data([0, 0, 0, 1]) { continue }
        try handle.seek(toOffset: UInt64(32 + frame * 4_120 + 24 + 4_000))
        let byte = try #require(try handle.read(upToCount: 1)?.first)
        try handle.seek(toOffset: UInt64(32 + frame * 4_120 + 24 + 4_000))
        try handle.write(contentsOf: [byte ^ 1])
      }
      try handle.close()
      // New connections, which have nothing in their caches.
      directory.database.releaseMemory()
      let refused = message { _ = try directory.read { try directory.catalog.collections(in: $0) } }
      #expect(refused.contains("moult.sqlite-wal is damaged at byte ") && refused.contains(": frame "))
      let answers = DatabaseFixture.answers(of: directory)
      #expect(answers["points_2"]! == fixture.truthOfClosed["points_2"]!)
      // A checkpoint may copy the frame that is sound, and no other.
      let before = try readFile(path + "/moult.sqlite")
      directory.close()
      #expect(try readFile(path + "/moult.sqlite")[4_096..<before.count] == before[4_096...])
      #expect(code { _ = try DataDirectory(path: path) } == .corrupted)
    }
  }

  // MARK: Parts

  static func flipPages(
    _ fixture: DatabaseFixture, count: Int, comparesPages: Bool = true
  ) throws -> Outcome {
    var outcome = Outcome()
    var random = SeededGenerator(seed: seed)
    let size = try readFile(fixture.closed + "/moult.sqlite").count
    for flip in 0..<count {
      // The headers of the file and of pages, their ends, and anything.
      let page = Int.random(in: 0..<size / 4_096, using: &random)
      let place =
        switch flip % 4 {
        case 0: Int.random(in: 0..<100, using: &random)
        case 1: page * 4_096 + Int.random(in: 0..<16, using: &random)
        case 2: page * 4_096 + Int.random(in: 4_080..<4_096, using: &random)
        default: Int.random(in: 0..<size, using: &random)
        }
      let bit = Int.random(in: 0..<8, using: &random)
      let copy = try fixture.copy(of: fixture.closed)
      defer { try? FileManager.default.removeItem(atPath: copy) }
      try flipBit(bit, at: place, of: copy + "/moult.sqlite")
      let note = "flip \(flip), seed \(seed): bit \(bit) of byte \(place)"
      let verdict: DatabaseFixture.Verdict
      do { verdict = try DatabaseFixture.judge(copy, comparesPages: comparesPages) } catch {
        // The broken twin may stumble over anything.
        if comparesPages { outcome.vague.append("\(note): \(error)") }
        continue
      }
      outcome.cases += 1
      if !verdict.isFound { outcome.missed.append(note) }
      if verdict.isWrong(beside: fixture.truthOfClosed) { outcome.wrong.append(note) }
      if !verdict.messages.contains(where: {
        $0.contains("moult.sqlite is damaged at byte \(place / 4_096 * 4_096):")
      }) {
        outcome.vague.append("\(note): \(verdict.messages)")
      }
      if let answers = verdict.answers?.values, answers.contains(where: { $0 != nil }) { outcome.partly += 1 }
    }
    return outcome
  }

  static func flipLog(
    _ fixture: DatabaseFixture, count: Int, comparesPages: Bool = true
  ) throws -> Outcome {
    var outcome = Outcome()
    var random = SeededGenerator(seed: seed + 1)
    let size = try readFile(fixture.killed + "/moult.sqlite-wal").count
    for flip in 0..<count {
      let frame = 32 + 4_120 * Int.random(in: 0..<(size - 32) / 4_120, using: &random)
      let place =
        switch flip % 4 {
        case 0: Int.random(in: 0..<32, using: &random)
        case 1: frame + Int.random(in: 0..<24, using: &random)
        // Every frame of the last transaction too.
        case 2: size - 1 - Int.random(in: 0..<3 * 4_120, using: &random)
        default: frame + Int.random(in: 24..<4_120, using: &random)
        }
      let bit = Int.random(in: 0..<8, using: &random)
      let copy = try fixture.copy(of: fixture.killed)
      defer { try? FileManager.default.removeItem(atPath: copy) }
      try flipBit(bit, at: place, of: copy + "/moult.sqlite-wal")
      let note = "flip \(flip), seed \(seed + 1): bit \(bit) of byte \(place) of the log"
      outcome.cases += 1
      let verdict: DatabaseFixture.Verdict
      do { verdict = try DatabaseFixture.judge(copy, comparesPages: comparesPages) } catch {
        if comparesPages { outcome.vague.append("\(note): \(error)") }
        continue
      }
      if !verdict.isFound { outcome.missed.append(note) }
      if verdict.isWrong(beside: fixture.truthOfKilled) { outcome.wrong.append(note) }
      if !verdict.messages.contains(where: { $0.contains("moult.sqlite-wal is damaged at byte ") }) {
        outcome.vague.append("\(note): \(verdict.messages)")
      }
    }
    return outcome
  }
}
