import Foundation
import MoultModel
import MoultTesting
import Testing

@testable import MoultStorage

@Suite("Staged points")
struct StagedPointsTests {
  private static func batch(_ random: inout SeededGenerator, automaticKeys: Bool) -> PointBatch {
    let count = Int.random(in: 1...30, using: &random)
    var batch = PointBatch(
      ids: automaticKeys
        ? []
        : (0..<count).map { place in
          Bool.random(using: &random)
            ? .int64(.random(in: .min ... .max, using: &random)) : .string("ключ \(place)")
        },
      vectors: random.floats(count: count * 3), dimension: 3)
    if Bool.random(using: &random) {
      batch.payloads = (0..<count).map { $0 % 3 == 0 ? "" : #"{"ü":\#($0)}"# }
    }
    if Bool.random(using: &random) {
      batch.fields = [
        "a": FieldVectors(vectors: random.floats(count: count * 2), dimension: 2, absent: [count - 1]),
        "б": FieldVectors(vectors: random.floats(count: count), dimension: 1),
      ]
    }
    return batch
  }

  private static func read(_ staged: StagedPoints) throws -> [PointBatch] {
    var batches: [PointBatch] = []
    try staged.forEachVectors { batches.append($0) }
    var place = 0
    try staged.forEachKeys { ids, payloads, count in
      #expect(batches[place].count == count)
      batches[place].ids = ids
      batches[place].payloads = payloads
      place += 1
    }
    #expect(place == batches.count)
    return batches
  }

  private static func expectSame(_ left: [PointBatch], _ right: [PointBatch]) {
    #expect(left.map(\.ids) == right.map(\.ids))
    #expect(left.map(\.vectors) == right.map(\.vectors))
    #expect(left.map(\.payloads) == right.map(\.payloads))
    #expect(left.map(\.fields) == right.map(\.fields))
  }

  @Test("come back as they went in, after they were opened again too, up to what was noted")
  func roundTrip() throws {
    try withTemporaryDirectory { directory in
      var random = SeededGenerator(seed: 3)
      for round in 0..<20 {
        let path = "\(directory)/\(round).staged"
        let batches = (0..<4).map { _ in Self.batch(&random, automaticKeys: round % 4 == 0) }
        var noted: [(rows: Int, bytes: Int)] = []
        do {
          let staged = try StagedPoints(path: path, fileSystem: POSIXFileSystem())
          for batch in batches {
            try staged.append(batch)
            noted.append((staged.rowCount, staged.byteCount))
          }
          #expect(staged.rowCount == batches.reduce(0) { $0 + $1.count })
          Self.expectSame(try Self.read(staged), batches)
        }
        // What was written and not noted is cut off.
        let kept = Int.random(in: 1...4, using: &random)
        let staged = try StagedPoints(
          path: path, fileSystem: POSIXFileSystem(), rowCount: noted[kept - 1].rows,
          byteCount: noted[kept - 1].bytes)
        Self.expectSame(try Self.read(staged), Array(batches[..<kept]))
        try staged.append(batches[0])
        Self.expectSame(try Self.read(staged), batches[..<kept] + [batches[0]])
        try staged.empty()
        #expect(try Self.read(staged).isEmpty && staged.rowCount == 0)
      }
    }
  }

  @Test("a file that is shorter than what was noted is empty")
  func lost() throws {
    try withTemporaryDirectory { directory in
      let path = "\(directory)/1.staged"
      var random = SeededGenerator(seed: 4)
      let batch = Self.batch(&random, automaticKeys: false)
      try StagedPoints(path: path, fileSystem: POSIXFileSystem()).append(batch)
      let bytes = try readFile(path)
      try writeFile(Array(bytes.dropLast()), path)
      let staged = try StagedPoints(
        path: path, fileSystem: POSIXFileSystem(), rowCount: batch.count, byteCount: bytes.count)
      #expect(staged.rowCount == 0)
      #expect(try Self.read(staged).isEmpty)
    }
  }

  @Test("every byte counts: one that changed is found out, and nothing is read beyond the file")
  func damage() throws {
    try withTemporaryDirectory { directory in
      let path = "\(directory)/1.staged"
      var random = SeededGenerator(seed: 5)
      let batch = Self.batch(&random, automaticKeys: false)
      try StagedPoints(path: path, fileSystem: POSIXFileSystem()).append(batch)
      let bytes = try readFile(path)
      for place in bytes.indices {
        // The last four bytes of a head say nothing.
        if (16 + 36..<16 + 40).contains(place) { continue }
        var damaged = bytes
        damaged[place] ^= UInt8.random(in: 1...255, using: &random)
        try writeFile(damaged, path)
        let found = code {
          let staged = try StagedPoints(
            path: path, fileSystem: POSIXFileSystem(), rowCount: batch.count, byteCount: bytes.count)
          _ = try Self.read(staged)
        }
        #expect(found == .corrupted, "byte \(place)")
      }
    }
  }
}
