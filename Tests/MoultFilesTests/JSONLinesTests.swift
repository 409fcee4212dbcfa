import Foundation
import MoultModel
import MoultTesting
import Testing

@testable import MoultFiles

@Suite("JSONLines")
struct JSONLinesTests {
  static func lines(_ path: String, lineSizeBytesMax: Int = 1 << 20) throws -> [String] {
    let reader = try JSONLinesReader(path: path, lineSizeBytesMax: lineSizeBytesMax)
    var lines: [String] = []
    while let line = try reader.next() { lines.append(line) }
    #expect(try reader.next() == nil)
    #expect(reader.lineNumber == lines.count)
    return lines
  }

  static let plain: [(String, [String])] = [
    ("", []), ("{}", ["{}"]), ("{}\n", ["{}"]), ("{}\n{\"a\": 1}", ["{}", "{\"a\": 1}"]),
    ("{}\r\n{ }\r\n", ["{}", "{ }"]), (" {\"ä\":\"€\"} \n", [" {\"ä\":\"€\"} "]),
    // Without a newline behind it '\r' is white space of the text.
    ("{}\r", ["{}\r"]),
  ]

  @Test("hands out lines byte for byte", arguments: plain)
  func readsPlain(text: String, expected: [String]) throws {
    let scratch = try ScratchDirectory()
    #expect(try Self.lines(try scratch.file("a.jsonl", text.utf8)) == expected)
  }

  @Test(
    "reads gzip of several members and with padding, whatever the file is called",
    arguments: ["a.jsonl.gz", "a.jsonl"])
  func readsGzip(name: String) throws {
    let scratch = try ScratchDirectory()
    let path = try scratch.file(name, Golden.gzipOfTwoMembers.bytes)
    #expect(try Self.lines(path) == [#"{"a":1}"#, #"{"b":"ä"}"#])
  }

  @Test(
    "what is written is read back, plain and compressed, across every buffer boundary",
    arguments: ["a.jsonl", "a.jsonl.gz"])
  func roundTrip(name: String) throws {
    let scratch = try ScratchDirectory()
    var random = SeededGenerator(seed: 8)
    var lines: [String] = []
    for index in 0..<3_000 {
      // Some lines are longer than the reader's first buffer.
      let length = index % 1_000 == 0 ? 700_000 : Int(random.next() % 400)
      let text = String(decoding: random.bytes(count: length).map { 0x23 + $0 % 57 }, as: UTF8.self)
      lines.append("{\"id\": \(index), \"text\":\"\(text)é\" }")
    }
    let writer = try JSONLinesWriter(path: scratch.path(name))
    for line in lines { try writer.append(line) }
    #expect(writer.lineCount == lines.count)
    try writer.close()
    #expect(try scratch.names == [name])
    #expect(try Self.lines(scratch.path(name)) == lines)
    if name.hasSuffix(".gz") {
      let process = Process()
      process.executableURL = URL(fileURLWithPath: "/bin/gzip")
      process.arguments = ["-t", scratch.path(name)]
      try process.run()
      process.waitUntilExit()
      #expect(process.terminationStatus == 0)
    } else {
      #expect(try scratch.bytes(name) == Array((lines.joined(separator: "\n") + "\n").utf8))
    }
  }

  @Test("no lines are a valid file", arguments: ["a.jsonl", "a.jsonl.gz"])
  func empty(name: String) throws {
    let scratch = try ScratchDirectory()
    try JSONLinesWriter(path: scratch.path(name)).close()
    #expect(try Self.lines(scratch.path(name)) == [])
  }

  @Test("line breaks between tokens become spaces")
  func lineBreaks() throws {
    let scratch = try ScratchDirectory()
    let writer = try JSONLinesWriter(path: scratch.path("a.jsonl"))
    try writer.append("{\r\n  \"a\": 1\n}")
    try writer.close()
    #expect(try Self.lines(scratch.path("a.jsonl")) == ["{    \"a\": 1 }"])
  }

  static let refused: [(String, String, MoultError.Code, [String])] = [
    ("an empty line", "{}\n\n{}\n", .invalidArgument, ["line 2", "the line is empty"]),
    (
      "an array", "{}\n{}\n[1]\n", .invalidArgument,
      ["line 3", "expected an object ('{') at byte 0, found '['"]
    ),
    ("two objects", "{} {}\n", .invalidArgument, ["line 1", "the end of the text at byte 3, found '{'"]),
    ("an open object", "{\"a\":\n1}\n", .invalidArgument, ["line 1", "found the end of the text"]),
    ("a byte order mark", "\u{FEFF}{}\n", .invalidArgument, ["line 1", "found byte 0xEF"]),
    ("text", "hello\n", .invalidArgument, ["line 1", "found 'h'"]),
    (
      "a long line", "{}\n{\"a\":\"0123456789012345678901234567890123456789\"}\n", .tooLarge,
      ["line 2", "at most 40 bytes"]
    ),
  ]

  @Test("refuses lines that are no JSON object and names them", arguments: refused)
  func refuses(name: String, text: String, code: MoultError.Code, messages: [String]) throws {
    let scratch = try ScratchDirectory()
    let path = try scratch.file("bad.jsonl", text.utf8)
    let error = try #require(throws: MoultError.self) { try Self.lines(path, lineSizeBytesMax: 40) }
    #expect(error.code == code)
    for message in messages + [path] { #expect(error.message.contains(message), "\(error)") }
  }

  @Test("malformed UTF-8 is refused")
  func malformedUTF8() throws {
    let scratch = try ScratchDirectory()
    let path = try scratch.file("bad.jsonl", Array("{\"a\":\"".utf8) + [0xC3, 0x28] + Array("\"}\n".utf8))
    let error = try #require(throws: MoultError.self) { try Self.lines(path) }
    #expect(error.message.contains("well-formed UTF-8 at byte 6, found byte 0xC3"))
  }

  @Test("a line of exactly the limit is accepted, one byte more is not", arguments: ["\n", "\r\n", ""])
  func lineLimit(ending: String) throws {
    let scratch = try ScratchDirectory()
    func object(_ size: Int) -> String { "{\"a\":\"" + String(repeating: "x", count: size - 8) + "\"}" }
    for size in [300_000, 262_143, 262_144] {
      let path = try scratch.file("a.jsonl", (object(size) + ending).utf8)
      #expect(try Self.lines(path, lineSizeBytesMax: size).count == 1)
      #expect(throws: MoultError.self) { try Self.lines(path, lineSizeBytesMax: size - 1) }
    }
  }

  @Test("gzip cut anywhere is an error that names file and line")
  func truncatedGzip() throws {
    let scratch = try ScratchDirectory()
    let whole = Array(Golden.gzipOfTwoMembers.bytes.dropLast(8))
    let firstMember = 33
    for length in 0..<whole.count where length != firstMember {
      let path = try scratch.file("cut.jsonl.gz", whole.prefix(length))
      let error = try #require(throws: MoultError.self) { try Self.lines(path) }
      #expect(error.code == .corrupted, "\(length): \(error)")
      #expect(error.message.contains(path), "\(length): \(error)")
      if length > 2 { #expect(error.message.contains("line "), "\(length): \(error)") }
      if length > 2 { #expect(error.message.contains("truncated"), "\(length): \(error)") }
    }
  }

  @Test("a flipped byte of gzip data never goes unnoticed where the checksum covers it")
  func damagedGzip() throws {
    let scratch = try ScratchDirectory()
    let whole = Array(Golden.gzipOfTwoMembers.bytes.dropLast(8))
    let intact = [#"{"a":1}"#, #"{"b":"ä"}"#]
    for place in whole.indices {
      var bytes = whole
      bytes[place] ^= 0x10
      let path = try scratch.file("bad.jsonl.gz", bytes)
      // Time, flags and system in the header are nobody's; all else is an error.
      if let lines = try? Self.lines(path) { #expect(lines == intact, "byte \(place)") }
    }
    let path = try scratch.file("bad.jsonl.gz", whole + [0x41])
    let error = try #require(throws: MoultError.self) { try Self.lines(path) }
    #expect(error.message.contains("followed by something else"))
  }

  @Test("a .gz that is not gzip is named")
  func notGzip() throws {
    let scratch = try ScratchDirectory()
    let path = try scratch.file("a.jsonl.gz", "{}\n".utf8)
    let error = try #require(throws: MoultError.self) { try Self.lines(path) }
    #expect(error.message.contains("expected a gzip file"))
  }

  @Test("a small file that expands without end meets the line limit")
  func expansion() throws {
    let scratch = try ScratchDirectory()
    let writer = try JSONLinesWriter(path: scratch.path("bomb.jsonl.gz"))
    try writer.append("{\"a\":\"" + String(repeating: "x", count: 20_000_000) + "\"}")
    try writer.close()
    #expect(try scratch.bytes("bomb.jsonl.gz").count < 50_000)
    let error = try #require(throws: MoultError.self) { try Self.lines(scratch.path("bomb.jsonl.gz")) }
    #expect(error.code == .tooLarge)
  }

  @Test("prints its speed")
  func speed() throws {
    let scratch = try ScratchDirectory()
    let gloss = String(repeating: "a small domesticated carnivorous mammal ", count: 4)
    let clock = ContinuousClock()
    for name in ["a.jsonl", "a.jsonl.gz"] {
      let written = try clock.measure {
        let writer = try JSONLinesWriter(path: scratch.path(name))
        for index in 0..<(isOptimized ? 100_000 : 5_000) {
          try writer.append("{\"id\":\(index),\"lex\":\"noun.animal\",\"gloss\":\"\(gloss)\(index * 7919)\"}")
        }
        try writer.close()
      }
      var bytes = 0
      let read = try clock.measure {
        let reader = try JSONLinesReader(path: scratch.path(name))
        while let line = try reader.next() { bytes += line.utf8.count + 1 }
      }
      func rate(_ duration: Duration) -> Int { Int(Double(bytes) / (duration / .seconds(1)) / 1e6) }
      print("\(name): write \(rate(written)) MB/s, read \(rate(read)) MB/s of text")
    }
  }
}
