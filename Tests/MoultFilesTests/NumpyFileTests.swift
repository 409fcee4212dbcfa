import Foundation
import MoultModel
import MoultTesting
import Testing

@testable import MoultFiles

@Suite("NumpyFile")
struct NumpyFileTests {
  @Test(
    "reads what NumPy wrote, in every version and both float types",
    arguments: [Golden.float32, Golden.float16, Golden.version2, Golden.version3])
  func readsGoldenFiles(golden: Golden) throws {
    let scratch = try ScratchDirectory()
    let file = try VectorFile(path: try scratch.file("a.npy", golden.bytes))
    #expect(file.rowCount == 2)
    #expect(file.dimension == 3)
    #expect(try file.readRows(0..<2) == Golden.values)
    #expect(try file.readRows(1..<2) == Array(Golden.values[3...]))
    #expect(try file.readRows(1..<1) == [])
  }

  @Test("one dimension is one row")
  func oneDimension() throws {
    let scratch = try ScratchDirectory()
    let file = try VectorFile(path: try scratch.file("a.npy", Golden.oneDimension.bytes))
    #expect(file.rowCount == 1)
    #expect(file.elementType == .float16)
    #expect(try file.readRows(0..<1) == [-0.25, -0.125, 0])
  }

  @Test("no rows are a valid file")
  func noRows() throws {
    let scratch = try ScratchDirectory()
    let file = try VectorFile(path: try scratch.file("a.npy", Golden.noRows.bytes))
    #expect(file.rowCount == 0)
    #expect(file.dimension == 3)
    #expect(try file.readRows(0..<0) == [])
  }

  @Test("reads neighbours as 32 and 64 bit integers")
  func integers() throws {
    let scratch = try ScratchDirectory()
    #expect(
      try NeighbourFile(path: try scratch.file("a.npy", Golden.int32.bytes)).readRows(0..<1) == [1, -2, 3])
    let file = try NeighbourFile(path: try scratch.file("b.npy", Golden.int64.bytes))
    #expect(file.rowCount == 2)
    #expect(file.columnCount == 2)
    #expect(try file.readRows(1..<2) == [3, 1 << 40])
  }

  @Test("keys may come in any order, with any quotes, spaces and commas")
  func liberalDictionary() throws {
    for text in [
      "{'shape':(2,3),'fortran_order':False,'descr':'<f4'}",
      "{ \"descr\" : \"<f4\" , 'shape' : ( 2 , 3 , ) , 'fortran_order' : False , } ",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (2L, 3L), }",
    ] {
      let header = try Self.parse(Self.file(text, dataSizeBytes: 24))
      #expect(
        header
          == NumpyHeader(element: .float32, rowCount: 2, columnCount: 3, dataOffset: 10 + text.utf8.count))
    }
    // Fortran order of a single row is C order.
    #expect(
      try Self.parse(Self.file("{'descr': '<f4', 'fortran_order': True, 'shape': (3,)}", dataSizeBytes: 12))
        .columnCount == 3)
  }

  // MARK: Bad input

  static let refused: [(String, [UInt8], MoultError.Code, String)] = [
    ("Fortran order", Golden.fortran.bytes, .unsupported, "np.ascontiguousarray"),
    ("float64", Golden.float64.bytes, .unsupported, "found float64; convert with .astype(np.float32)"),
    ("big endian", Golden.bigEndian.bytes, .unsupported, "big-endian '>f4'"),
    ("three dimensions", Golden.threeDimensions.bytes, .unsupported, "1 or 2 dimensions, found 3"),
    ("no dimension", Golden.noDimension.bytes, .unsupported, "1 or 2 dimensions, found 0"),
    ("structured", Golden.structured.bytes, .unsupported, "structured array"),
    ("booleans", Golden.boolean.bytes, .unsupported, "found '|b1'"),
    ("integers as vectors", Golden.int32.bytes, .unsupported, "found integers"),
    ("an empty file", [], .corrupted, "found an empty file"),
    ("three bytes", [1, 2, 3], .corrupted, "found bytes 01 02 03"),
    (
      "a PNG", [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 0, 0, 0, 0], .corrupted,
      "found bytes 89 50 4E 47"
    ),
    ("a zip (.npz)", Array("PK\u{3}\u{4}0123456789".utf8), .corrupted, "expected a .npy file"),
    ("version 4", [0x93] + Array("NUMPY".utf8) + [4, 0, 0, 0, 0, 0], .unsupported, "found 4.0"),
    (
      "one row short", Array(Golden.float32.bytes.dropLast(12)), .corrupted,
      "truncated: expected 152 bytes, found 140"
    ),
    (
      "one byte short", Array(Golden.float16.bytes.dropLast()), .corrupted,
      "truncated: expected 140 bytes, found 139"
    ),
    ("cut in the header", Array(Golden.float32.bytes.prefix(50)), .corrupted, "expected 128 bytes, found 50"),
    ("cut in the length", Array(Golden.version2.bytes.prefix(11)), .corrupted, "expected 12 bytes, found 11"),
    (
      "two arrays", Golden.float32.bytes + Golden.float32.bytes, .corrupted,
      "expected 152 bytes for shape (2, 3), found 304"
    ),
    (
      "a header of 4 GB", [0x93] + Array("NUMPY".utf8) + [2, 0, 0xFF, 0xFF, 0xFF, 0xFF], .corrupted,
      "at most 65536 bytes, found one of 4294967295"
    ),
    (
      "32 769 entries", file("(1, 32769)", bytes: 131_076), .invalidArgument,
      "1 to 32768 entries, found 32769"
    ),
    ("0 entries", file("(3, 0)", bytes: 0), .invalidArgument, "found 0"),
    ("an overflowing shape", file("(4611686018427387905, 4)", bytes: 16), .corrupted, "larger than any file"),
    ("an overflowing size", file("(2305843009213693951, 2)", bytes: 16), .corrupted, "larger than any file"),
    ("a shape beyond 64 bits", file("(99999999999999999999, 2)", bytes: 16), .corrupted, "below 2⁶³"),
    ("a negative shape", file("(-1, 2)", bytes: 16), .corrupted, "a number without sign, found '-'"),
    ("an enormous claim", file("(1000000000000, 32768)", bytes: 16), .corrupted, "expected 131072000000000"),
    ("no tuple", file("(3)", bytes: 12), .corrupted, "expected a tuple"),
    (
      "33 dimensions", file("(" + String(repeating: "1,", count: 33) + ")", bytes: 4), .corrupted,
      "at most 32"
    ),
    (
      "a missing key", file(dictionary: "{'descr': '<f4', 'shape': (1, 2)}", bytes: 8), .corrupted,
      "found only some"
    ),
    (
      "a key twice", file(dictionary: "{'descr': '<f4', 'descr': '<f4'}", bytes: 8), .corrupted,
      "once, found 'descr'"
    ),
    ("an unknown key", file(dictionary: "{'x': 1}", bytes: 8), .corrupted, "once, found 'x'"),
    ("no dictionary", file(dictionary: "[1, 2]", bytes: 8), .corrupted, "expected '{', found '['"),
    (
      "an open dictionary", file(dictionary: "{'descr': '<f4'", bytes: 8), .corrupted,
      "expected '}', found its end"
    ),
    ("an open string", file(dictionary: "{'descr", bytes: 8), .corrupted, "found its end"),
    (
      "a call", file(dictionary: "{'descr': exec('x')}", bytes: 8), .corrupted, "expected a string, found 'e'"
    ),
    (
      "something after it",
      file(dictionary: "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2)} 7", bytes: 8), .corrupted,
      "nothing after the dictionary, found '7'"
    ),
  ]

  @Test("refuses everything else and says what came", arguments: refused)
  func refuses(name: String, bytes: [UInt8], code: MoultError.Code, message: String) throws {
    let scratch = try ScratchDirectory()
    let path = try scratch.file("bad.npy", bytes)
    let error = try #require(throws: MoultError.self) { try VectorFile(path: path) }
    #expect(error.code == code, "\(error)")
    #expect(error.message.contains(message), "\(error)")
    #expect(error.message.contains(path), "\(error)")
  }

  @Test("floats are no neighbours")
  func floatsAsNeighbours() throws {
    let scratch = try ScratchDirectory()
    let path = try scratch.file("a.npy", Golden.float32.bytes)
    let error = try #require(throws: MoultError.self) { try NeighbourFile(path: path) }
    #expect(error.message.contains("expected neighbours as int32 or int64, found floats"))
  }

  @Test("a file that is cut off while it is read is an error, not a signal")
  func cutOffLater() throws {
    let scratch = try ScratchDirectory()
    for bytes in [Golden.float32.bytes, Golden.float16.bytes] {
      let path = try scratch.file("a.npy", bytes)
      let file = try VectorFile(path: path)
      #expect(truncate(path, 130) == 0)
      let error = try #require(throws: MoultError.self) { try file.readRows(0..<2) }
      #expect(error.code == .corrupted)
      #expect(error.message.contains("found 130: the file was cut off"))
    }
  }

  @Test("missing files, directories and foreign names are named")
  func notAFile() throws {
    let scratch = try ScratchDirectory()
    let missing = try #require(throws: MoultError.self) { try VectorFile(path: scratch.path("no.npy")) }
    #expect(missing.message.contains("No such file"))
    #expect(mkdir(scratch.path("dir.npy"), 0o755) == 0)
    let directory = try #require(throws: MoultError.self) { try VectorFile(path: scratch.path("dir.npy")) }
    #expect(directory.message.contains("found a directory"))
    let foreign = try #require(throws: MoultError.self) { try VectorFile(path: "/a.b/vectors.parquet") }
    #expect(foreign.message.contains("expected a file of vectors (.npy or .fvecs), found '.parquet'"))
    let bare = try #require(throws: MoultError.self) { try VectorFile(path: "/a.npy/vectors") }
    #expect(bare.message.contains("found a name without extension"))
  }

  @Test("no cut and no flipped byte of a header crashes: 20 000 cases")
  func fuzz() {
    var random = SeededGenerator(seed: 20_260)
    let originals = [Golden.float32, .float16, .version2, .int64, .threeDimensions].map(\.bytes)
    var accepted = 0
    for round in 0..<20_000 {
      var bytes = originals[round % originals.count]
      for _ in 0..<(1 + random.next() % 3) {
        let place = Int(random.next() % UInt64(min(bytes.count, 70)))
        switch random.next() % 3 {
        case 0: bytes[place] = UInt8(truncatingIfNeeded: random.next())
        case 1: bytes[place] = "{}()[]',:0123456789L ".utf8.randomElement(using: &random)!
        default: bytes[place] ^= 1 << UInt8(random.next() % 8)
        }
      }
      if random.next() % 4 == 0 { bytes.removeLast(Int(random.next() % UInt64(bytes.count + 1))) }
      do {
        let header = try Self.parse(bytes)
        accepted += 1
        let dataSizeBytes = header.rowCount * header.columnCount * header.element.sizeBytes
        #expect(header.dataOffset + dataSizeBytes == bytes.count, "round \(round)")
      } catch {
        #expect(error.message.hasPrefix("'fuzz.npy': "), "round \(round): \(error)")
      }
    }
    #expect(accepted > 0)
  }

  // MARK: Speed

  @Test("prints its speed")
  func speed() throws {
    let scratch = try ScratchDirectory()
    let (rowCount, dimension) = (isOptimized ? 40_000 : 1_000, 384)
    var random = SeededGenerator(seed: 3)
    let rows = random.floats(count: rowCount * dimension)
    let clock = ContinuousClock()
    for (name, elementType) in [
      ("a.npy", CollectionSchema.ElementType.float32), ("b.npy", .float16), ("c.fvecs", .float32),
    ] {
      let written = try clock.measure {
        let writer = try VectorFileWriter(
          path: scratch.path(name), elementType: elementType, dimension: dimension)
        try writer.append(rows)
        try writer.close()
      }
      let file = try VectorFile(path: scratch.path(name))
      let buffer = UnsafeMutableBufferPointer<Float>.allocate(capacity: 1024 * dimension)
      defer { buffer.deallocate() }
      let read = try clock.measure {
        for start in stride(from: 0, to: rowCount, by: 1024) {
          let count = min(1024, rowCount - start)
          let block = UnsafeMutableBufferPointer(rebasing: buffer[..<(count * dimension)])
          try file.readRows(start..<(start + count), into: block)
        }
      }
      let bytes = Double(try scratch.bytes(name).count)
      print(
        "\(name) \(elementType): write with fsync \(Int(bytes / (written / .seconds(1)) / 1e6)) MB/s,",
        "read \(Int(bytes / (read / .seconds(1)) / 1e6)) MB/s of file")
    }
  }

  // MARK: Helpers

  static func parse(_ bytes: [UInt8]) throws(MoultError) -> NumpyHeader {
    try bytes.withUnsafeBufferPointer { bytes throws(MoultError) in
      try NumpyHeader.parse(UnsafeRawBufferPointer(bytes), fileSize: bytes.count, path: "fuzz.npy")
    }
  }

  static func file(_ shape: String, bytes: Int) -> [UInt8] {
    file(dictionary: "{'descr': '<f4', 'fortran_order': False, 'shape': \(shape), }\n", bytes: bytes)
  }

  static func file(dictionary: String, bytes: Int) -> [UInt8] {
    file(dictionary, dataSizeBytes: bytes)
  }

  static func file(_ dictionary: String, dataSizeBytes: Int) -> [UInt8] {
    let length = dictionary.utf8.count
    return [0x93] + "NUMPY".utf8 + [1, 0, UInt8(length & 0xFF), UInt8(length >> 8)] + dictionary.utf8
      + [UInt8](repeating: 0, count: dataSizeBytes)
  }
}

@Suite("NumpyWriter")
struct NumpyWriterTests {
  @Test(
    "writes np.save's bytes", arguments: [Golden.float32, Golden.float16, Golden.noRows])
  func writesGoldenFiles(golden: Golden) throws {
    let scratch = try ScratchDirectory()
    let file = try VectorFile(path: try scratch.file("in.npy", golden.bytes))
    let writer = try VectorFileWriter(
      path: scratch.path("out.npy"), elementType: file.elementType, dimension: file.dimension)
    for row in 0..<file.rowCount { try writer.append(try file.readRows(row..<(row + 1))) }
    #expect(writer.rowCount == file.rowCount)
    try writer.close()
    #expect(try scratch.bytes("out.npy") == golden.bytes)
    #expect(try scratch.names == ["in.npy", "out.npy"])
  }

  @Test(
    "headers have NumPy's length and padding for every size",
    arguments: [
      (0, 1, 128), (10, 384, 128), (123_456_789, 3, 128), (1_000_000_000_000, 32_768, 128), (Int.max, 1, 128),
    ])
  func headerLength(rowCount: Int, columnCount: Int, length: Int) {
    let header = NumpyHeader.encode(element: .float32, rowCount: rowCount, columnCount: columnCount)
    #expect(header.count == length)
    #expect(header.last == 0x0A)
  }

  @Test("any bits of float32 and float16 come back, in blocks of any size", arguments: [1, 2, 3, 7, 100])
  func roundTrip(blockRows: Int) throws {
    let scratch = try ScratchDirectory()
    var random = SeededGenerator(seed: UInt64(blockRows))
    for element in [NumpyHeader.Element.float32, .float16] {
      let (rowCount, dimension) = (101, 17)
      let bytes =
        NumpyHeader.encode(element: element, rowCount: rowCount, columnCount: dimension)
        + random.bytes(count: rowCount * dimension * element.sizeBytes)
      let file = try VectorFile(path: try scratch.file("in-\(element).npy", bytes))
      let writer = try VectorFileWriter(
        path: scratch.path("out-\(element).npy"), elementType: file.elementType, dimension: dimension)
      for start in stride(from: 0, to: rowCount, by: blockRows) {
        try writer.append(try file.readRows(start..<min(rowCount, start + blockRows)))
      }
      try writer.close()
      #expect(try scratch.bytes("out-\(element).npy") == bytes, "seed \(blockRows), \(element)")
    }
  }

  @Test("a value too large for float16 is refused with its row, and nothing is left")
  func tooLarge() throws {
    let scratch = try ScratchDirectory()
    do {
      let writer = try NumpyWriter(path: scratch.path("a.npy"), elementType: .float16, dimension: 2)
      try writer.append([1, 65_519])
      let error = try #require(throws: MoultError.self) { try writer.append([1, 2, 3, -70_000]) }
      #expect(error.code == .unsupported)
      #expect(error.message.contains("found -70000.0 in row 2; export as float32"))
    }
    #expect(try scratch.names == [])
  }
}
