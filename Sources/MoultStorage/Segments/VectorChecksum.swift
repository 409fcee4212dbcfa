import MoultModel

/// What a few neighbouring rows of a segment's vectors were when they were acknowledged: CRC-32 of their row bytes
/// followed by their side bytes.
///
/// A sealed file's checksum tells that something is wrong, these tell which rows are. Rows of a growing segment
/// have no other. They stand in the catalog, written by the transaction that commits the rows.
package struct VectorChecksum: Sendable, Equatable {
  /// Rows that share a checksum at most: what one damaged byte can take along.
  package static let rowsMax = 64

  /// Rows of the segment.
  package let places: Range<Int>
  package let checksum: UInt32

  package init(places: Range<Int>, checksum: UInt32) {
    self.places = places
    self.checksum = checksum
  }

  /// - Parameters:
  ///   - rows: `count × rowStride` bytes.
  ///   - side: `count × sideStride` bytes; may be `nil` when there is no side section.
  ///   - place: of the first row in the segment.
  package static func of(
    rows: UnsafeRawPointer, rowStride: Int, side: UnsafeRawPointer?, sideStride: Int, count: Int,
    at place: Int
  ) -> [VectorChecksum] {
    stride(from: 0, to: count, by: rowsMax).map { first in
      let part = min(rowsMax, count - first)
      var checksum = SegmentChecksum()
      checksum.update(.init(start: rows + first * rowStride, count: part * rowStride))
      if let side, sideStride > 0 {
        checksum.update(.init(start: side + first * sideStride, count: part * sideStride))
      }
      return VectorChecksum(places: place + first..<place + first + part, checksum: checksum.value)
    }
  }

  /// The places whose bytes are no longer what was acknowledged, rising.
  ///
  /// - Parameters:
  ///   - rows: of the whole segment.
  ///   - checksums: places of which no row is missing.
  fileprivate static func damaged(
    rows: UnsafeRawPointer, rowStride: Int, side: UnsafeRawPointer?, sideStride: Int,
    checksums: [VectorChecksum]
  ) -> [Range<Int>] {
    checksums.filter { known in
      let first = known.places.lowerBound
      var checksum = SegmentChecksum()
      checksum.update(.init(start: rows + first * rowStride, count: known.places.count * rowStride))
      if let side, sideStride > 0 {
        checksum.update(.init(start: side + first * sideStride, count: known.places.count * sideStride))
      }
      return checksum.value != known.checksum
    }.map(\.places)
  }
}

extension GrowingSegment {
  /// Compares rows with what they were when they were acknowledged.
  ///
  /// - Throws: `corrupted` naming the file, the first damaged rows and where they lie.
  /// - Complexity: about 1 s a gigabyte.
  package func verify(_ checksums: [VectorChecksum]) throws {
    let damaged = VectorChecksum.damaged(
      rows: rows, rowStride: rowStride, side: side, sideStride: sideStride, checksums: checksums)
    if let first = damaged.first { throw header.damage(path, places: first, of: damaged.count) }
  }
}

extension SegmentFile {
  /// The places of a vectors file whose bytes are no longer what was acknowledged, rising.
  package func damagedPlaces(_ checksums: [VectorChecksum]) -> [Range<Int>] {
    VectorChecksum.damaged(
      rows: rows, rowStride: rowStride, side: side, sideStride: sideStride, checksums: checksums)
  }

  /// Compares rows with what they were when they were acknowledged: finds damage that was there already when the file
  /// was sealed and got a checksum that fits it.
  ///
  /// - Throws: `corrupted` naming the file, the first damaged rows and where they lie.
  package func verify(_ checksums: [VectorChecksum]) throws {
    let damaged = damagedPlaces(checksums)
    if let first = damaged.first { throw header.damage(path, places: first, of: damaged.count) }
  }
}

extension SegmentHeader {
  /// Compares rows of a file of this header that is mapped and long enough for all of them.
  func verify(_ checksums: [VectorChecksum], in mapping: borrowing MappedFile, path: String) throws {
    let base = mapping.bytes.baseAddress!
    let damaged = VectorChecksum.damaged(
      rows: base + rowsOffset, rowStride: rowStride, side: base + Self.sideOffset, sideStride: sideStride,
      checksums: checksums)
    if let first = damaged.first { throw damage(path, places: first, of: damaged.count) }
  }

  fileprivate func damage(_ path: String, places: Range<Int>, of count: Int) -> MoultError {
    let (first, end) = (fileSize(rowCount: places.lowerBound), fileSize(rowCount: places.upperBound))
    return corruption(
      path, first,
      "rows \(identity.firstRow + Int64(places.lowerBound)) ..< \(identity.firstRow + Int64(places.upperBound)) "
        + "(bytes \(first) ..< \(end)\(sideStride > 0 ? " or their side bytes" : "")), "
        + "\(count == 1 ? "the only" : "the first of \(count)") damaged group of rows",
      expected: "what was acknowledged", got: "other bytes")
  }
}
