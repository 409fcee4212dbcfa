import MoultModel
import MoultTesting
import Testing

@testable import MoultFiles

@Suite("FvecsFile")
struct FvecsFileTests {
  /// Rows of 32-bit numbers, each behind its length, as `array.astype('<i4').tofile` writes them.
  static func bytes(_ rows: [[UInt32]]) -> [UInt8] {
    rows.flatMap { [UInt32($0.count)] + $0 }.flatMap { word in
      (0..<4).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) }
    }
  }

  @Test("reads rows and writes them back bit for bit", arguments: [1, 3, 128, 4096])
  func roundTrip(dimension: Int) throws {
    let scratch = try ScratchDirectory()
    var random = SeededGenerator(seed: UInt64(dimension))
    // More rows than one block of 1 MiB holds.
    let rowCount = 300_000 / dimension + 2
    let rows = (0..<rowCount).map { _ in
      (0..<dimension).map { _ in UInt32(truncatingIfNeeded: random.next()) }
    }
    let bytes = Self.bytes(rows)
    let file = try VectorFile(path: try scratch.file("in.fvecs", bytes))
    #expect(file.rowCount == rowCount)
    #expect(file.dimension == dimension)
    #expect(file.elementType == .float32)
    #expect(try file.readRows(0..<rowCount).map(\.bitPattern) == rows.flatMap { $0 })
    #expect(try file.readRows(1..<2).map(\.bitPattern) == rows[1])

    let writer = try VectorFileWriter(
      path: scratch.path("out.fvecs"), elementType: .float32, dimension: dimension)
    try writer.append(try file.readRows(0..<1))
    try writer.append(try file.readRows(1..<rowCount))
    try writer.close()
    #expect(writer.rowCount == rowCount)
    #expect(try scratch.bytes("out.fvecs") == bytes)
  }

  @Test("reads neighbours from .ivecs")
  func neighbours() throws {
    let scratch = try ScratchDirectory()
    let file = try NeighbourFile(path: try scratch.file("gt.ivecs", Self.bytes([[1, 2], [3, 4], [5, 6]])))
    #expect(file.rowCount == 3)
    #expect(file.columnCount == 2)
    #expect(try file.readRows(1..<3) == [3, 4, 5, 6])
  }

  static let refused: [(String, [UInt8], String)] = [
    ("an empty file", [], "at least 8 bytes, found 0"),
    ("three bytes", [1, 0, 0], "found 3"),
    ("a NumPy file", Golden.float32.bytes, "found 1297436307"),
    ("dimension 0", [0, 0, 0, 0], "1 to 32768, found 0"),
    ("dimension -1", [255, 255, 255, 255], "found -1"),
    ("dimension 32 769", [1, 128, 0, 0], "found 32769"),
    (
      "a cut row", Array(bytes([[1, 2], [3, 4]]).dropLast(5)),
      "expected a multiple of 12 bytes (dimension 2), found 19: 7 bytes behind 1 rows"
    ),
    ("a row without entries", Array(bytes([[1]]).prefix(4)), "found 4: 4 bytes behind 0 rows"),
  ]

  @Test("refuses truncated and foreign files and says what came", arguments: refused)
  func refuses(name: String, bytes: [UInt8], message: String) throws {
    let scratch = try ScratchDirectory()
    let path = try scratch.file("bad.fvecs", bytes)
    let error = try #require(throws: MoultError.self) { try VectorFile(path: path) }
    #expect(error.code == .corrupted)
    #expect(error.message.contains(message), "\(error)")
    #expect(error.message.contains(path), "\(error)")
  }

  @Test("a row of another dimension is found when it is read")
  func otherDimension() throws {
    let scratch = try ScratchDirectory()
    var bytes = Self.bytes([[1, 2], [3, 4], [5, 6]])
    bytes[24] = 3
    let file = try VectorFile(path: try scratch.file("bad.fvecs", bytes))
    #expect(try file.readRows(0..<2).map(\.bitPattern) == [1, 2, 3, 4])
    let error = try #require(throws: MoultError.self) { try file.readRows(1..<3) }
    #expect(error.message.contains("expected dimension 2 in every row, found 3 in row 2"))
  }

  @Test("an empty .fvecs cannot be written")
  func empty() throws {
    let scratch = try ScratchDirectory()
    do {
      let writer = try VectorFileWriter(path: scratch.path("a.fvecs"), elementType: .float32, dimension: 3)
      let error = try #require(throws: MoultError.self) { try writer.close() }
      #expect(error.message.contains("use .npy"))
    }
    #expect(try scratch.names == [])
  }

  @Test("no bytes crash")
  func fuzz() throws {
    let scratch = try ScratchDirectory()
    var random = SeededGenerator(seed: 5)
    for _ in 0..<500 {
      var bytes = Self.bytes([[1, 2], [3, 4], [5, 6]])
      bytes[Int(random.next() % 36)] = UInt8(truncatingIfNeeded: random.next())
      bytes.removeLast(Int(random.next() % 36))
      let path = try scratch.file("bad.fvecs", bytes)
      do {
        let file = try VectorFile(path: path)
        _ = try file.readRows(0..<file.rowCount)
      } catch {
        #expect(error.code == .corrupted)
      }
    }
  }
}
