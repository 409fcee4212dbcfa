import Foundation
import MoultModel
import MoultStorageTesting
import Testing

@testable import MoultStorage

@Suite("GrowingSegment")
struct GrowingSegmentTests {
  private let identity = SegmentIdentity(collectionID: 1, segmentID: 3, firstRow: 40)
  private let pattern = PatternRows(rowStride: 16, sideStride: 4)

  private func create(
    _ path: String, capacity: Int = 10, fileSystem: any FileSystem = POSIXFileSystem()
  ) throws -> GrowingSegment {
    try GrowingSegment(
      creating: path, identity: identity, rowCapacity: capacity, rowStride: 16, sideStride: 4,
      fileSystem: fileSystem)
  }

  @Test("rows show through the mapping at once and after opening again")
  func appendAndReopen() throws {
    try withTemporaryDirectory { directory in
      let path = "\(directory)/c/segment-3.vectors"
      do {
        let segment = try create(path)
        let rows = segment.rows
        try pattern.append(0..<4, to: segment, at: 0)
        try pattern.append(4..<7, to: segment, at: 4)
        try segment.sync()
        #expect(segment.rows == rows)
        #expect(segment.rowBytes(7) == pattern.rows(0..<7))
        #expect(segment.sideBytes(7) == pattern.sides(0..<7))
      }
      let segment = try GrowingSegment(opening: path, identity: identity, rowCount: 7)
      #expect(segment.rowCapacity == 10 && segment.rowStride == 16 && segment.sideStride == 4)
      #expect(segment.rowBytes(7) == pattern.rows(0..<7))
    }
  }

  @Test("rows that were not committed are written over")
  func overwrite() throws {
    try withTemporaryDirectory { directory in
      let path = "\(directory)/x.vectors"
      let segment = try create(path)
      try pattern.append(100..<110, to: segment, at: 0)
      try pattern.append(0..<3, to: segment, at: 0)
      try segment.sync()
      let file = try segment.seal(count: 3)
      #expect(file.rowBytes == pattern.rows(0..<3) && file.sideBytes == pattern.sides(0..<3))
      // The checksum covers the side bytes of the seven others: they have to be known, that is zero.
      try file.verify()
      let unused = try readFile(path)[256 + 3 * 4..<4096]
      #expect(unused.allSatisfy { $0 == 0 })
    }
  }

  @Test("a sealed file has its exact size; the growing object reads on beside it", arguments: [0, 1, 9, 10])
  func seal(count: Int) throws {
    try withTemporaryDirectory { directory in
      let path = "\(directory)/x.vectors"
      let segment = try create(path)
      if count > 0 { try pattern.append(0..<count, to: segment, at: 0) }
      let file = try segment.seal(count: count)
      #expect(try readFile(path).count == 4096 + count * 16)
      #expect(file.count == count && file.header.rowCapacity == 10)
      try file.verify()
      #expect(segment.rowBytes(count) == file.rowBytes)
      #expect(try segment.seal(count: count).count == count)
    }
  }

  @Test(
    "a file that was prepared for its sealing bit by bit is the same, byte by byte",
    arguments: [0, 1, 4, 6, 10])
  func prepared(count: Int) throws {
    try withTemporaryDirectory { directory in
      var files: [[UInt8]] = []
      for prepares in [false, true] {
        let path = "\(directory)/\(prepares).vectors"
        let segment = try create(path)
        for rows in [0..<4, 4..<5, 5..<10] {
          try pattern.append(rows, to: segment, at: rows.lowerBound)
          if prepares { segment.prepareToSeal(count: rows.upperBound) }
        }
        try segment.seal(count: count).verify()
        files.append(try readFile(path))
      }
      #expect(files[0] == files[1])
    }
  }

  @Test("a sealed file that the catalog calls growing grows again")
  func reopenSealed() throws {
    try withTemporaryDirectory { directory in
      let path = "\(directory)/x.vectors"
      do {
        let segment = try create(path)
        try pattern.append(0..<6, to: segment, at: 0)
        _ = try segment.seal(count: 6)
      }
      let segment = try GrowingSegment(opening: path, identity: identity, rowCount: 6)
      #expect(code { _ = try SegmentFile(path: path, kind: .vectors) } == .corrupted)
      try pattern.append(6..<10, to: segment, at: 6)
      try segment.sync()
      #expect(segment.rowBytes(10) == pattern.rows(0..<10))
      try segment.seal(count: 10).verify()
    }
  }

  @Test("opening mends a file that was cut or stretched but keeps its committed rows", arguments: [0, 3])
  func cut(rowCount: Int) throws {
    try withTemporaryDirectory { directory in
      let path = "\(directory)/x.vectors"
      do {
        let segment = try create(path)
        try pattern.append(0..<5, to: segment, at: 0)
        try segment.sync()
      }
      let bytes = try readFile(path)
      for size in [4096 + rowCount * 16, 4096 + 80, bytes.count + 4096] {
        let padding = [UInt8](repeating: 7, count: max(0, size - bytes.count))
        try writeFile(Array(bytes.prefix(size)) + padding, path)
        let segment = try GrowingSegment(opening: path, identity: identity, rowCount: rowCount)
        #expect(try readFile(path).count == bytes.count)
        #expect(segment.rowBytes(rowCount) == pattern.rows(0..<rowCount))
      }
    }
  }

  @Test("a file without its committed rows, of another segment, or missing is refused")
  func refused() throws {
    try withTemporaryDirectory { directory in
      let path = "\(directory)/x.vectors"
      _ = try create(path)
      func open(_ rowCount: Int, _ identity: SegmentIdentity) throws {
        _ = try GrowingSegment(opening: path, identity: identity, rowCount: rowCount)
      }
      #expect(code { try open(11, identity) } == .corrupted)
      #expect(
        code { try open(0, SegmentIdentity(collectionID: 2, segmentID: 3, firstRow: 40)) } == .corrupted)
      let bytes = try readFile(path)
      try writeFile(Array(bytes[..<(4096 + 16 * 3 - 1)]), path)
      #expect(message { try open(3, identity) }.contains("at byte 4143: file size"))
      try writeFile(Array(bytes[..<200]), path)
      #expect(code { try open(0, identity) } == .corrupted)
      try FileManager.default.removeItem(atPath: path)
      #expect(code { try open(0, identity) } == .corrupted)
    }
  }

  @Test("creating over a leftover starts empty")
  func leftover() throws {
    try withTemporaryDirectory { directory in
      let path = "\(directory)/x.vectors"
      let old = try create(path)
      try pattern.append(0..<5, to: old, at: 0)
      let new = try create(path)
      #expect(new.rowBytes(5).allSatisfy { $0 == 0 })
      #expect(old.rowBytes(5) == pattern.rows(0..<5))
    }
  }

  @Test("after a failed sync the rows must be written again before a sync succeeds")
  func failedSync() throws {
    try withTemporaryDirectory { directory in
      // Calls: remove, create, resize, write, sync, sync directory (0 … 5); append 6, 7; sync 8.
      let fileSystem = FaultyFileSystem(.brokenDisk, atCall: 8)
      let segment = try create("\(directory)/x.vectors", fileSystem: fileSystem)
      try pattern.append(0..<2, to: segment, at: 0)
      #expect(code { try segment.sync() } == .internalError)
      #expect(fileSystem.hasFailed)
      #expect(message { try segment.sync() }.contains("rows from 40 on"))
      #expect(code { _ = try segment.seal(count: 2) } == .internalError)
      #expect(code { try pattern.append(2..<4, to: segment, at: 2) } == .internalError)
      try pattern.append(0..<2, to: segment, at: 0)
      try segment.sync()
      try segment.seal(count: 2).verify()
    }
  }
}
