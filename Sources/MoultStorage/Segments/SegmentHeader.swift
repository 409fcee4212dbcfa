import MoultModel

/// Whose rows a segment file holds.
package struct SegmentIdentity: Sendable, Equatable {
  package var collectionID: Int64
  /// 0 for vectors and graphs, which generations share.
  package var generationID: Int64
  /// 0 for an encoder, which serves all segments of its generation.
  package var segmentID: Int64
  /// The collection's row number of the first row.
  package var firstRow: Int64

  package init(collectionID: Int64, generationID: Int64 = 0, segmentID: Int64 = 0, firstRow: Int64 = 0) {
    self.collectionID = collectionID
    self.generationID = generationID
    self.segmentID = segmentID
    self.firstRow = firstRow
  }
}

/// The first 256 bytes of every segment file. All numbers are little-endian.
///
/// | Bytes | Field |
/// |---|---|
/// | 0 ..< 8 | magic, "MOULTSEG" |
/// | 8 ..< 12 | format version, 1 |
/// | 12 ..< 16 | kind: 1 vectors, 2 codes, 3 graph, 4 encoder, 5 rows |
/// | 16 ..< 20 | flags: bit 0 sealed, others 0 |
/// | 20 ..< 24 | 0 |
/// | 24 ..< 32 | collection |
/// | 32 ..< 40 | generation; 0 for vectors and graphs |
/// | 40 ..< 48 | segment; 0 for an encoder |
/// | 48 ..< 56 | first row |
/// | 56 ..< 64 | row count; 0 while growing |
/// | 64 ..< 72 | row capacity, at least the row count |
/// | 72 ..< 80 | row stride: bytes a row, at least 1 |
/// | 80 ..< 88 | side stride: bytes a row in the side section, may be 0 |
/// | 88 ..< 96 | offset of the side section, 256 |
/// | 96 ..< 104 | offset of the rows: 256 + row capacity · side stride, rounded up to 4 096 |
/// | 104 ..< 112 | payload length: file size − 256; 0 while growing |
/// | 112 ..< 116 | CRC-32 of the payload, all bytes from 256 to the end; 0 while growing |
/// | 116 ..< 252 | 0 |
/// | 252 ..< 256 | CRC-32 of bytes 0 ..< 252, in every version |
///
/// A sealed file ends with its last row; unused bytes of the side section and the gap after it are zero.
/// A graph, an inverted file or an encoder is one blob: its rows are its bytes (row stride 1).
/// Changing any of this makes existing segments unreadable. The header lies inside one 512-byte sector,
/// so a disk writes it whole or not at all.
package struct SegmentHeader: Sendable, Equatable {
  package enum Kind: UInt32, Sendable, CaseIterable {
    case vectors = 1
    case codes = 2
    case graph = 3
    case encoder = 4
    /// Row numbers of a merged segment: unsigned 32-bit distances from its first row, rising.
    case rows = 5
    /// Rows of a segment in lists.
    case invertedFile = 6

    package var isIndex: Bool { self == .graph || self == .invertedFile }
  }

  package static let sizeBytes = 256
  package static let formatVersion: UInt32 = 1
  static let magic = Array("MOULTSEG".utf8)
  static let sideOffset = sizeBytes
  static let rowsAlignment = 4096

  package let kind: Kind
  package let identity: SegmentIdentity
  package let rowCapacity: Int
  /// Bytes a row.
  package let rowStride: Int
  /// Bytes a row in the side section.
  package let sideStride: Int
  /// Where the rows begin in the file.
  package let rowsOffset: Int
  package internal(set) var isSealed = false
  /// Rows of a sealed file; 0 while growing.
  package internal(set) var rowCount = 0
  /// CRC-32 of a sealed file's payload; 0 while growing.
  package internal(set) var payloadChecksum: UInt32 = 0

  /// The header of a file that is growing.
  ///
  /// - Precondition: counts and strides are in range and the file's size fits `Int`.
  init(kind: Kind, identity: SegmentIdentity, rowCapacity: Int, rowStride: Int, sideStride: Int) {
    guard
      let rowsOffset = Self.rowsOffset(
        rowCapacity: rowCapacity, rowStride: rowStride, sideStride: sideStride)
    else { preconditionFailure("\(rowCapacity) rows of \(rowStride) + \(sideStride) bytes make no file") }
    self.kind = kind
    self.identity = identity
    self.rowCapacity = rowCapacity
    self.rowStride = rowStride
    self.sideStride = sideStride
    self.rowsOffset = rowsOffset
  }

  /// The file's size with `rowCount` rows.
  ///
  /// - Precondition: at most `rowCapacity`, so it cannot overflow.
  func fileSize(rowCount: Int) -> Int { rowsOffset + rowCount * rowStride }

  /// What a file full of rows takes.
  package var fullSize: Int { fileSize(rowCount: rowCapacity) }

  /// This header for a copy that belongs to another collection.
  func of(_ identity: SegmentIdentity) -> SegmentHeader {
    var header = SegmentHeader(
      kind: kind, identity: identity, rowCapacity: rowCapacity, rowStride: rowStride, sideStride: sideStride)
    (header.isSealed, header.rowCount, header.payloadChecksum) = (isSealed, rowCount, payloadChecksum)
    return header
  }

  /// This header for the finished file.
  func sealed(rowCount: Int, payloadChecksum: UInt32) -> SegmentHeader {
    var header = self
    header.isSealed = true
    header.rowCount = rowCount
    header.payloadChecksum = payloadChecksum
    return header
  }

  /// - Returns: `nil` when a number is out of range or the size of the full file overflows.
  static func rowsOffset(rowCapacity: Int, rowStride: Int, sideStride: Int) -> Int? {
    guard rowCapacity >= 0, rowStride >= 1, sideStride >= 0 else { return nil }
    let side = rowCapacity.multipliedReportingOverflow(by: sideStride)
    let rows = rowCapacity.multipliedReportingOverflow(by: rowStride)
    let padded = side.partialValue.addingReportingOverflow(sideOffset + rowsAlignment - 1)
    guard !side.overflow, !rows.overflow, !padded.overflow else { return nil }
    let offset = padded.partialValue / rowsAlignment * rowsAlignment
    return offset.addingReportingOverflow(rows.partialValue).overflow ? nil : offset
  }
}
