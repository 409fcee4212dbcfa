import Foundation
import MoultModel
import MoultTesting
import Testing

@testable import MoultStorage

/// A directory of its own, removed when `body` is done; in memory where the system offers that: faults are
/// simulated, and thousands of syncs of a real disk are slow.
func withTemporaryDirectory<Value>(_ body: (String) throws -> Value) throws -> Value {
  let memory = "/dev/shm"
  let parent =
    FileManager.default.isWritableFile(atPath: memory)
    ? memory : FileManager.default.temporaryDirectory.path
  let path = "\(parent)/moult-storage-\(UUID().uuidString)"
  try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(atPath: path) }
  return try body(path)
}

func readFile(_ path: String) throws -> [UInt8] { Array(try Data(contentsOf: URL(fileURLWithPath: path))) }

func writeFile(_ bytes: [UInt8], _ path: String) throws {
  try Data(bytes).write(to: URL(fileURLWithPath: path))
}

/// The code of the `MoultError` that `body` throws; `nil` when it throws none.
func code(_ body: () throws -> Void) -> MoultError.Code? {
  do {
    try body()
    return nil
  } catch { return (error as? MoultError)?.code }
}

/// The message of the `MoultError` that `body` throws; empty when it throws none.
func message(_ body: () throws -> Void) -> String {
  do {
    try body()
    return ""
  } catch { return (error as? MoultError)?.message ?? "\(error)" }
}

/// Rows whose every byte follows from the row's number, so that a misplaced one shows.
struct PatternRows {
  var rowStride: Int
  var sideStride: Int

  func row(_ number: Int) -> [UInt8] { bytes(number, count: rowStride, salt: 1) }
  func side(_ number: Int) -> [UInt8] { bytes(number, count: sideStride, salt: 2) }
  func rows(_ numbers: Range<Int>) -> [UInt8] { numbers.flatMap(row) }
  func sides(_ numbers: Range<Int>) -> [UInt8] { numbers.flatMap(side) }

  private func bytes(_ number: Int, count: Int, salt: UInt64) -> [UInt8] {
    var random = SeededGenerator(seed: UInt64(number) &* 2 &+ salt)
    return random.bytes(count: count).map { $0 | 1 }  // never zero, which is what a hole reads as
  }

  func append(_ numbers: Range<Int>, to segment: GrowingSegment, at index: Int) throws {
    let rows = rows(numbers)
    let side = sides(numbers)
    try rows.withUnsafeBytes { rows in
      try side.withUnsafeBytes { side in
        try segment.append(
          rows: rows.baseAddress!, side: side.baseAddress, count: numbers.count, at: index)
      }
    }
  }

  func append(_ numbers: Range<Int>, to writer: SegmentWriter) throws {
    let rows = rows(numbers)
    let side = sides(numbers)
    try rows.withUnsafeBytes { rows in
      try side.withUnsafeBytes { side in
        try writer.append(rows: rows.baseAddress!, side: side.baseAddress, count: numbers.count)
      }
    }
  }
}

extension GrowingSegment {
  func rowBytes(_ count: Int) -> [UInt8] {
    Array(UnsafeRawBufferPointer(start: rows, count: count * rowStride))
  }
  func sideBytes(_ count: Int) -> [UInt8] {
    Array(UnsafeRawBufferPointer(start: side, count: count * sideStride))
  }
}

extension SegmentFile {
  var rowBytes: [UInt8] { Array(UnsafeRawBufferPointer(start: rows, count: count * rowStride)) }
  var sideBytes: [UInt8] { Array(UnsafeRawBufferPointer(start: side, count: count * sideStride)) }
}
