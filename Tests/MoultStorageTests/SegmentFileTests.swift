import Foundation
import MoultModel
import MoultTesting
import Testing

@testable import MoultStorage

@Suite("SegmentFile and SegmentWriter")
struct SegmentFileTests {
  private let identity = SegmentIdentity(collectionID: 1, generationID: 2, segmentID: 3, firstRow: 40)

  private func writeCodes(_ path: String, rows: Int, pattern: PatternRows, step: Int = 7) throws {
    let writer = try SegmentWriter(
      path: path, kind: .codes, identity: identity, rowCount: rows, rowStride: pattern.rowStride,
      sideStride: pattern.sideStride)
    var done = 0
    while done < rows {
      let next = min(rows, done + step)
      try pattern.append(done..<next, to: writer)
      done = next
    }
    try writer.finish()
  }

  @Test("what was written is read back, at every count around a page", arguments: [0, 4, 8])
  func roundTrip(sideStride: Int) throws {
    try withTemporaryDirectory { directory in
      let pattern = PatternRows(rowStride: 48, sideStride: sideStride)
      for rows in [0, 1, 2, 85, 86, 480, 481, 960, 961, 1000] {
        let path = "\(directory)/a/b/\(rows).codes"
        try writeCodes(path, rows: rows, pattern: pattern)
        let file = try SegmentFile(path: path, kind: .codes, identity: identity)
        #expect(file.count == rows && file.rowStride == 48 && file.sideStride == sideStride)
        #expect(file.rowBytes == pattern.rows(0..<rows))
        #expect(file.sideBytes == pattern.sides(0..<rows))
        #expect(Int(bitPattern: file.rows) % 4096 == 0 && Int(bitPattern: file.side) % 64 == 0)
        try file.verify()
        for access in [AccessPattern.normal, .random, .sequential, .willNeed] { file.advise(access) }
      }
      #expect(!FileManager.default.fileExists(atPath: "\(directory)/a/b/1.codes.partial"))
    }
  }

  @Test(
    "a blob comes back as the same bytes, around a page, a call and a begun write-back",
    arguments: [0, 1, 4095, 4096, 10_000, 65_535, 65_536, 65_537, 1 << 20, 3 << 20 | 5])
  func blob(count: Int) throws {
    try withTemporaryDirectory { directory in
      var random = SeededGenerator(seed: UInt64(count))
      let bytes = random.bytes(count: count)
      let path = "\(directory)/generation-2.encoder"
      _ = try bytes.withUnsafeBytes {
        try SegmentWriter.write($0, to: path, kind: .encoder, identity: identity)
      }
      let file = try SegmentFile(path: path, kind: .encoder, identity: identity)
      try file.verify()
      #expect(Array(file.payload) == bytes)
    }
  }

  @Test("a writer that is given up leaves nothing behind")
  func abandoned() throws {
    try withTemporaryDirectory { directory in
      let pattern = PatternRows(rowStride: 16, sideStride: 0)
      do {
        let writer = try SegmentWriter(
          path: "\(directory)/x.codes", kind: .codes, identity: identity, rowCount: 5, rowStride: 16)
        try pattern.append(0..<3, to: writer)
      }
      #expect(try POSIXFileSystem().list(directory) == [])
    }
  }

  @Test("writing over a file leaves those who map the old one undisturbed")
  func replaced() throws {
    try withTemporaryDirectory { directory in
      let pattern = PatternRows(rowStride: 16, sideStride: 4)
      let path = "\(directory)/x.codes"
      try writeCodes(path, rows: 9, pattern: pattern)
      let old = try SegmentFile(path: path, kind: .codes)
      try writeCodes(path, rows: 4, pattern: pattern)
      #expect(old.rowBytes == pattern.rows(0..<9))
      try old.verify()
      #expect(try SegmentFile(path: path, kind: .codes).count == 4)
    }
  }

  @Test("another file than the one looked for is refused")
  func foreign() throws {
    try withTemporaryDirectory { directory in
      let path = "\(directory)/x.codes"
      try writeCodes(path, rows: 3, pattern: PatternRows(rowStride: 16, sideStride: 0))
      #expect(code { _ = try SegmentFile(path: path, kind: .graph) } == .corrupted)
      for change: (inout SegmentIdentity) -> Void in [
        { $0.collectionID += 1 }, { $0.generationID += 1 }, { $0.segmentID += 1 }, { $0.firstRow += 1 },
      ] {
        var other = identity
        change(&other)
        #expect(code { _ = try SegmentFile(path: path, kind: .codes, identity: other) } == .corrupted)
      }
      let missing = message { _ = try SegmentFile(path: directory + "/none.codes", kind: .codes) }
      #expect(missing.contains("none.codes is missing"))
    }
  }

  @Test("a file that is shorter or longer by any amount is damaged")
  func lengths() throws {
    try withTemporaryDirectory { directory in
      let path = "\(directory)/x.codes"
      try writeCodes(path, rows: 5, pattern: PatternRows(rowStride: 16, sideStride: 4))
      let bytes = try readFile(path)
      for count in Array(0...300) + Array(stride(from: 301, to: 4096, by: 97)) + Array(4090..<bytes.count) {
        try writeFile(Array(bytes[..<count]), path)
        #expect(code { _ = try SegmentFile(path: path, kind: .codes) } == .corrupted, "\(count) bytes")
      }
      for extra in [1, 4096] {
        try writeFile(bytes + [UInt8](repeating: 0, count: extra), path)
        #expect(code { _ = try SegmentFile(path: path, kind: .codes) } == .corrupted, "\(extra) more")
      }
    }
  }

  @Test("a flipped bit anywhere is found by opening or verifying")
  func bitFlips() throws {
    try withTemporaryDirectory { directory in
      let path = "\(directory)/x.codes"
      try writeCodes(path, rows: 5, pattern: PatternRows(rowStride: 16, sideStride: 4))
      let sound = try readFile(path)
      var random = SeededGenerator(seed: 8)
      for index in sound.indices {
        var bytes = sound
        bytes[index] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        try writeFile(bytes, path)
        #expect(
          code { try SegmentFile(path: path, kind: .codes).verify() } == .corrupted, "byte \(index)")
      }
    }
  }

  @Test("sectors that never reached the disk are found, in every subset tried")
  func tornSectors() throws {
    try withTemporaryDirectory { directory in
      let path = "\(directory)/x.codes"
      try writeCodes(path, rows: 100, pattern: PatternRows(rowStride: 16, sideStride: 4))
      let sound = try readFile(path)
      let sectors = (sound.count + 511) / 512
      var random = SeededGenerator(seed: 9)
      for round in 0..<300 {
        var bytes = sound
        for sector in 0..<sectors where Bool.random(using: &random) {
          for index in sector * 512..<min(sound.count, sector * 512 + 512) { bytes[index] = 0 }
        }
        try writeFile(bytes, path)
        let found = code { try SegmentFile(path: path, kind: .codes).verify() }
        #expect(found == (bytes == sound ? nil : .corrupted), "round \(round)")
      }
    }
  }

  @Test("a segment of format 1 still opens")
  func golden() throws {
    let head = try #require(Data(base64Encoded: GoldenSegment.head, options: .ignoreUnknownCharacters))
    let rows = try #require(Data(base64Encoded: GoldenSegment.rows, options: .ignoreUnknownCharacters))
    try withTemporaryDirectory { directory in
      let path = "\(directory)/golden.codes"
      let gap = [UInt8](repeating: 0, count: 4096 - head.count)
      try writeFile(Array(head) + gap + Array(rows), path)
      let file = try SegmentFile(path: path, kind: .codes, identity: identity)
      try file.verify()
      let pattern = PatternRows(rowStride: 16, sideStride: 4)
      #expect(file.rowBytes == pattern.rows(0..<5))
      #expect(file.sideBytes == pattern.sides(0..<5))
      // And it is written today byte for byte as then.
      try writeCodes("\(directory)/new.codes", rows: 5, pattern: pattern)
      #expect(try readFile("\(directory)/new.codes") == readFile(path))
    }
  }
}

/// A codes file as the first release wrote it: header and side section, then (at 4 096) the rows.
enum GoldenSegment {
  static let head = """
    TU9VTFRTRUcBAAAAAgAAAAEAAAAAAAAAAQAAAAAAAAACAAAAAAAAAAMAAAAAAAAAKAAAAAAAAAAFAAAAAAAAAAUAAAAAAAAAEAAA
    AAAAAAAEAAAAAAAAAAABAAAAAAAAABAAAAAAAABQDwAAAAAAANPce60AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA
    AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA
    AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAJ4KvuZe/mcNv5dt9vXMPG5+dsYkJuyHX
    """
  static let rows = """
    kb/5cXHD4YVJy2ebdYdvKx2znRM3oyPjfeOzt3tXt81jwTsZMWH9g22bcyPfc/XxYwXnlXM/d1MjaRv169/dja/BQ8lDHaX7OcuX
    N/09w+M=
    """
}
