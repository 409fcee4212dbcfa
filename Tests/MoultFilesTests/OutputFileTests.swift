import Foundation
import MoultModel
import Testing

@testable import MoultFiles

@Suite("OutputFile")
struct OutputFileTests {
  @Test("the file appears when it is committed, not before")
  func commit() throws {
    let scratch = try ScratchDirectory()
    var file = try OutputFile(path: scratch.path("a"))
    try file.write([1, 2, 3])
    #expect(try scratch.names == ["a.partial"])
    try file.rewrite([9], at: 1)
    try file.commit()
    #expect(try scratch.names == ["a"])
    #expect(try scratch.bytes("a") == [1, 9, 3])
  }

  @Test("nothing is left when it is not committed")
  func discard() throws {
    let scratch = try ScratchDirectory()
    do {
      var file = try OutputFile(path: scratch.path("a"))
      try file.write([UInt8](repeating: 1, count: 3 << 20))
    }
    #expect(try scratch.names == [])
  }

  @Test("a file that exists stays, unless it is forced")
  func existing() throws {
    let scratch = try ScratchDirectory()
    let path = try scratch.file("a", [7])
    let error = try #require(throws: MoultError.self) { _ = try OutputFile(path: path) }
    #expect(error.code == .invalidArgument)
    #expect(error.message.contains("exists already"))
    #expect(try scratch.bytes("a") == [7])

    var file = try OutputFile(path: path, force: true)
    try file.write([8])
    #expect(try scratch.bytes("a") == [7])
    try file.commit()
    #expect(try scratch.bytes("a") == [8])
    #expect(try scratch.names == ["a"])
  }

  @Test("a file that appears meanwhile stays, too")
  func appearsMeanwhile() throws {
    let scratch = try ScratchDirectory()
    do {
      var file = try OutputFile(path: scratch.path("a"))
      _ = try scratch.file("a", [7])
      // `#expect(throws:)` takes an escaping closure, which cannot borrow the file.
      do {
        try file.commit()
        Issue.record("the file was replaced")
      } catch {
        #expect(error.message.contains("exists already"))
      }
    }
    #expect(try scratch.bytes("a") == [7])
    #expect(try scratch.names == ["a"])
  }

  @Test("a second writer of the same path is refused, a dead one's remains are not in the way")
  func concurrent() throws {
    let scratch = try ScratchDirectory()
    do {
      let first = try OutputFile(path: scratch.path("a"))
      let error = try #require(throws: MoultError.self) { _ = try OutputFile(path: scratch.path("a")) }
      #expect(error.message.contains("another process is writing"))
      _ = consume first
    }
    _ = try scratch.file("a.partial", [1, 2, 3])
    var file = try OutputFile(path: scratch.path("a"))
    try file.write([4])
    try file.commit()
    #expect(try scratch.bytes("a") == [4])
  }

  @Test("remains that share their bytes with a finished file do not harm it")
  func linkedRemains() throws {
    let scratch = try ScratchDirectory()
    let path = try scratch.file("a", [7])
    #expect(link(path, path + ".partial") == 0)
    var file = try OutputFile(path: path, force: true)
    #expect(try scratch.bytes("a") == [7])
    try file.write([8])
    try file.commit()
    #expect(try scratch.bytes("a") == [8])
  }

  @Test("a missing directory is named")
  func missingDirectory() throws {
    let scratch = try ScratchDirectory()
    let error = try #require(throws: MoultError.self) { _ = try OutputFile(path: scratch.path("no/a")) }
    #expect(error.message.contains("No such file or directory"))
  }

  @Test("a full disk is its own error")
  func fullDisk() {
    #expect(OutputFile.failure("cannot write", "a", ENOSPC).code == .diskFull)
    #expect(OutputFile.failure("cannot write", "a", EDQUOT).code == .diskFull)
    let other = OutputFile.failure("cannot write", "a", EIO)
    #expect(other == MoultError(.invalidArgument, "cannot write 'a': Input/output error"))
  }

  @Test("a symbolic link in the way is not followed")
  func symbolicLink() throws {
    let scratch = try ScratchDirectory()
    let path = try scratch.file("precious", [7])
    #expect(symlink(path, scratch.path("a.partial")) == 0)
    let error = try #require(throws: MoultError.self) { _ = try OutputFile(path: scratch.path("a")) }
    #expect(error.message.contains("cannot create"))
    #expect(try scratch.bytes("precious") == [7])
  }
}
