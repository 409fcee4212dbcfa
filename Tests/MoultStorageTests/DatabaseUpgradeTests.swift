import CSQLitePages
import Foundation
import GRDB
import MoultModel
import MoultStorageTesting
import Testing

@testable import MoultStorage

@Suite("Raising a database to checksums")
struct DatabaseUpgradeTests {
  @Test("a database of format 4 is raised: the same rows, every page with its checksum")
  func raised() throws {
    try withTemporaryDirectory { root in
      let fixture = try DatabaseFixture(in: root)
      try DatabaseFixture.makePlain(fixture.closed)
      let file = fixture.closed + "/moult.sqlite"
      #expect(try readFile(file)[20] == 0)
      let verdict = try DatabaseFixture.judge(fixture.closed)
      #expect(!verdict.isFound && verdict.answers == fixture.truthOfClosed, "\(verdict.messages)")
      let bytes = try readFile(file)
      #expect(bytes.count > 20 * 4_096 && bytes.count % 4_096 == 0)
      for page in 0..<bytes.count / 4_096 {
        #expect(moult_page_is_sound(Array(bytes[page * 4_096..<(page + 1) * 4_096]), UInt32(page + 1)))
      }
    }
  }

  @Test(
    "a fault at any step leaves the old database or the new one", arguments: FaultyFileSystem.Fault.allCases)
  func faults(fault: FaultyFileSystem.Fault) throws {
    try withTemporaryDirectory { root in
      let fixture = try DatabaseFixture(in: root)
      try DatabaseFixture.makePlain(fixture.closed)
      for call in 0..<100 {
        let copy = try fixture.copy(of: fixture.closed)
        defer { try? FileManager.default.removeItem(atPath: copy) }
        let disk = FaultyFileSystem(fault, atCall: call)
        do { try DataDirectory(path: copy, fileSystem: disk).close() } catch {
          #expect(disk.hasFailed, "call \(call): \(error)")
        }
        let verdict = try DatabaseFixture.judge(copy)
        #expect(!verdict.isFound && verdict.answers == fixture.truthOfClosed, "\(fault) at call \(call)")
        #expect(!FileManager.default.fileExists(atPath: copy + "/moult.sqlite.partial"))
        if !disk.hasFailed {
          #expect(call > 8)
          return
        }
      }
      Issue.record("the raising never ended")
    }
  }

  @Test("without room for a second database nothing is begun, and the error says how much it takes")
  func noRoom() throws {
    try withTemporaryDirectory { root in
      let fixture = try DatabaseFixture(in: root)
      try DatabaseFixture.makePlain(fixture.closed)
      let before = try readFile(fixture.closed + "/moult.sqlite")
      let disk = FaultyFileSystem(atCall: nil, freeBytes: 4_096)
      let text = message { _ = try DataDirectory(path: fixture.closed, fileSystem: disk) }
      #expect(text.contains("to format 6 needs ") && text.contains("4096 are free; nothing was changed"))
      #expect(code { _ = try DataDirectory(path: fixture.closed, fileSystem: disk) } == .diskFull)
      #expect(try readFile(fixture.closed + "/moult.sqlite").count == before.count)
      #expect(try DatabaseFixture.judge(fixture.closed).answers == fixture.truthOfClosed)
    }
  }

  @Test("a database that is gone while there are files of collections is damage, and nothing is swept")
  func gone() throws {
    try withTemporaryDirectory { root in
      let fixture = try DatabaseFixture(in: root)
      try FileManager.default.removeItem(atPath: fixture.closed + "/moult.sqlite")
      #expect(code { _ = try DataDirectory(path: fixture.closed) } == .corrupted)
      #expect(try readFile(fixture.closed + "/collections/1/segment-1.vectors") == [1])
    }
  }

  @Test("checksums of pages are those of the first databases that had them")
  func golden() {
    let page = (0..<4_096).map { UInt8(truncatingIfNeeded: $0 * 7 + $0 / 256) }
    #expect(moult_page_checksum(page, 4_088, 1) == 0xc3b0_f772_07d4_3ab9)
    #expect(moult_page_checksum(page, 4_088, 2) == 0x3354_32de_4bd0_65d4)
    #expect(moult_page_checksum(page, 24, 0) == 0x1cdf_74c2_0398_7bc3)
  }

  @Test("a path with signs that mean something in a URI")
  func oddPath() throws {
    try withTemporaryDirectory { root in
      let path = root + "/a?b#c%20 d=é&vfs=unix"
      let directory = try DataDirectory(path: path)
      directory.close()
      #expect(try readFile(path + "/moult.sqlite").count > 4_096)
      try DataDirectory(path: "/" + path).close()
    }
  }
}
