import MoultModel
import MoultStorage

/// The collection's row numbers that a segment holds, rising with the place in the segment: a range without
/// gaps, or, where a merge left dead rows out, what a file lists.
///
/// Row numbers never change and never come twice, whatever becomes of segments: watermarks and tombstones
/// speak of them.
struct SegmentRows: Sendable {
  let firstRow: Int64
  private let list: RowList?

  /// Rows `firstRow`, `firstRow + 1`, ….
  init(from firstRow: Int64) {
    self.firstRow = firstRow
    list = nil
  }

  /// - Throws: `corrupted` when the numbers do not rise, or leave the segment's range.
  init(from firstRow: Int64, span: Int64, listedIn file: SegmentFile) throws {
    self.firstRow = firstRow
    list = try RowList(file, span: span)
  }

  /// Writes which rows of a segment's range are there, unless all of them are.
  ///
  /// - Parameters:
  ///   - rows: rising, from the segment's first one.
  ///   - span: of the range, left out ones included.
  /// - Returns: also the file that lists them, if there is one.
  static func write(
    _ rows: [Int64], span: Int64, identity: SegmentIdentity, in directory: DataDirectory
  ) throws -> (SegmentRows, String?) {
    guard Int64(rows.count) < span else { return (SegmentRows(from: identity.firstRow), nil) }
    let path = FileNames.rows(collection: identity.collectionID, segment: identity.segmentID)
    let writer = try SegmentWriter(
      path: directory.absolutePath(path), kind: .rows, identity: identity, rowCount: rows.count,
      rowStride: MemoryLayout<UInt32>.stride, fileSystem: directory.fileSystem)
    let offsets = rows.map { UInt32($0 - identity.firstRow) }
    try offsets.withUnsafeBytes { try writer.append(rows: $0.baseAddress!, count: offsets.count) }
    _ = try writer.finish()
    let file = try SegmentFile(
      path: directory.absolutePath(path), kind: .rows, identity: identity, fileSystem: directory.fileSystem)
    return (try SegmentRows(from: identity.firstRow, span: span, listedIn: file), path)
  }

  /// Whether every number of the range is there.
  var isContiguous: Bool { list == nil }

  /// The row number at a place in the segment.
  subscript(place: Int) -> Int64 {
    firstRow + (list.map { Int64($0.offsets[place]) } ?? Int64(place))
  }

  /// Where the segment of `count` rows has a row; `nil` if it has not.
  func place(of row: Int64, count: Int) -> Int? {
    let offset = row - firstRow
    guard let list else { return 0 <= offset && offset < Int64(count) ? Int(offset) : nil }
    guard 0 <= offset, offset < list.span else { return nil }
    let place = list.firstPlace(atLeast: UInt32(offset))
    return place < count && Int64(list.offsets[place]) == offset ? place : nil
  }

  /// The first row number that lies behind a segment of `count` rows.
  func end(count: Int) -> Int64 { firstRow + (list?.span ?? Int64(count)) }
}

/// Row numbers of a merged segment, as distances from its first one, in a mapped file.
private final class RowList: Sendable {
  private let file: SegmentFile
  let span: Int64
  private let count: Int
  nonisolated(unsafe) let offsets: UnsafePointer<UInt32>

  init(_ file: SegmentFile, span: Int64) throws {
    guard file.rowStride == MemoryLayout<UInt32>.stride else {
      throw MoultError(
        .corrupted,
        "\(file.path) has rows of \(file.rowStride) bytes, expected \(MemoryLayout<UInt32>.stride)")
    }
    self.file = file
    self.span = span
    count = file.count
    offsets = file.rows.assumingMemoryBound(to: UInt32.self)
    for place in 0..<count {
      guard place == 0 || offsets[place - 1] < offsets[place], Int64(offsets[place]) < span else {
        throw MoultError(
          .corrupted,
          "\(file.path) lists \(offsets[place]) at place \(place), expected rising numbers below \(span)")
      }
    }
  }

  func firstPlace(atLeast offset: UInt32) -> Int {
    var low = 0
    var high = count
    while low < high {
      let middle = (low + high) / 2
      if offsets[middle] < offset { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
