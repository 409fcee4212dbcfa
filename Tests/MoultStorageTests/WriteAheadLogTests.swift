import Foundation
import GRDB
import MoultModel
import MoultTesting
import Testing

@testable import MoultStorage

/// What a crash leaves must not pass for damage, whatever of the last transaction reached the disk.
@Suite("Write-ahead log")
struct WriteAheadLogTests {
  private static let seed: UInt64 = 0x10_6109

  private func points(_ directory: DataDirectory) throws -> Int {
    try directory.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM points_1") ?? 0 }
  }

  @Test(
    "any subset of the sectors of an unacknowledged transaction is taken for what it is",
    arguments: [false, true])
  func tornTransaction(isRestarted: Bool) throws {
    try withTemporaryDirectory { root in
      let live = root + "/live"
      let directory = try DataDirectory(path: live)
      try directory.write { db in
        _ = try directory.catalog.insertCollection(
          name: "c", schema: CollectionSchema(dimension: 4), specification: EncodingSpecification(), in: db)
      }
      try DatabaseFixture.insert(200, into: 1, of: directory)
      // Begins the log anew over frames of an older generation.
      if isRestarted { _ = try directory.database.writeWithoutTransaction { try $0.checkpoint(.passive) } }
      for _ in 0..<4 { try DatabaseFixture.insert(3, into: 1, of: directory) }
      try FileManager.default.copyItem(atPath: live, toPath: root + "/before")
      let acknowledged = try points(directory)
      try DatabaseFixture.insert(30, into: 1, of: directory)
      let after = try readFile(live + "/moult.sqlite-wal")
      directory.close()
      try FileManager.default.removeItem(atPath: root + "/before/moult.sqlite-shm")

      let before = try readFile(root + "/before/moult.sqlite-wal")
      let written = (0..<after.count).filter { $0 >= before.count || after[$0] != before[$0] }
      let sectors = Set(written.map { $0 / 512 }).sorted()
      #expect(sectors.count > 8)
      var random = SeededGenerator(seed: Self.seed)
      var seen: Set<Int> = []
      for round in 0..<Scale.count(60, soak: 3_000) {
        let copy = "\(root)/\(round)"
        defer { try? FileManager.default.removeItem(atPath: copy) }
        try FileManager.default.copyItem(atPath: root + "/before", toPath: copy)
        var torn = before
        // Mostly all but a few, then half of them, then few.
        let odds = [2, 8, 1, 30][round % 4]
        for sector in sectors where round == 0 || Int.random(in: 0...odds, using: &random) > 0 {
          let bytes = sector * 512..<min(after.count, sector * 512 + 512)
          if torn.count < bytes.upperBound {
            torn += [UInt8](repeating: 0, count: bytes.upperBound - torn.count)
          }
          torn.replaceSubrange(bytes, with: after[bytes])
        }
        try writeFile(torn, copy + "/moult.sqlite-wal")
        let opened = try DataDirectory(path: copy)
        let count = try points(opened)
        #expect(count == acknowledged || count == acknowledged + 30, "round \(round), seed \(Self.seed)")
        seen.insert(count)
        opened.close()
      }
      #expect(seen.count == 2)
    }
  }

  @Test(
    "without its mark, damage before the last transaction is found; in it, that transaction may be taken for torn"
  )
  func withoutMark() throws {
    try withTemporaryDirectory { root in
      let fixture = try DatabaseFixture(in: root)
      for image in [fixture.killed, fixture.earlier] {
        try FileManager.default.removeItem(atPath: image + "/moult.sqlite-mark")
      }
      let last = try readFile(fixture.earlier + "/moult.sqlite-wal").count
      let size = try readFile(fixture.killed + "/moult.sqlite-wal").count
      #expect(last < size)
      var random = SeededGenerator(seed: Self.seed)
      for round in 0..<Scale.count(80, soak: 3_000) {
        let copy = try fixture.copy(of: fixture.killed)
        defer { try? FileManager.default.removeItem(atPath: copy) }
        let place =
          round % 2 == 0
          ? Int.random(in: 0..<last, using: &random) : Int.random(in: last..<size, using: &random)
        try flipBit(round % 8, at: place, of: copy + "/moult.sqlite-wal")
        let verdict = try DatabaseFixture.judge(copy)
        if place < last {
          #expect(verdict.isFound, "byte \(place) of \(size)")
        } else if !verdict.isFound {
          let lost = try #require(verdict.answers?["points_1"] ?? nil)
          #expect(lost == fixture.truthOfKilled["points_1"]!!.dropLast(DatabaseFixture.batch))
        }
      }
    }
  }

  @Test("a transaction larger than the cache, pages of which are written over, reads itself and survives")
  func spilled() throws {
    try withTemporaryDirectory { root in
      let directory = try DataDirectory(path: root + "/live")
      try directory.write { db in
        _ = try directory.catalog.insertCollection(
          name: "c", schema: CollectionSchema(dimension: 4), specification: EncodingSpecification(), in: db)
      }
      try DatabaseFixture.insert(2_000, into: 1, of: directory)
      try directory.database.writeWithoutTransaction { try $0.execute(sql: "PRAGMA cache_size = 8") }
      struct Stop: Error {}
      for round in 0..<6 {
        func walk(_ db: Database) throws {
          for step in 0..<4 {
            try db.execute(
              sql: "UPDATE points_1 SET payload = ? || row WHERE row % 5 = ?",
              arguments: [String(repeating: "r\(round).\(step) ", count: 20), step])
            let sum = try Int.fetchOne(
              db, sql: "SELECT count(*) FROM points_1 WHERE payload LIKE ? || '%'",
              arguments: ["r\(round).\(step)"])
            #expect(sum == 400)
          }
        }
        // Given up, then committed: what was given up is written over.
        #expect(throws: Stop.self) {
          try directory.write { db in
            try walk(db)
            throw Stop()
          }
        }
        try directory.write { try walk($0) }
      }
      let expected = DatabaseFixture.answers(of: directory)
      try FileManager.default.copyItem(atPath: root + "/live", toPath: root + "/killed")
      try FileManager.default.removeItem(atPath: root + "/killed/moult.sqlite-shm")
      directory.close()
      for image in ["live", "killed"] {
        let verdict = try DatabaseFixture.judge("\(root)/\(image)")
        #expect(!verdict.isFound && verdict.answers == expected, "\(image): \(verdict.messages)")
      }
    }
  }
}
