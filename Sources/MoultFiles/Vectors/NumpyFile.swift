package import MoultModel

/// A `.npy` file that is being read: see ``NumpyHeader`` for what it may hold.
///
/// The numbers are read when they are asked for; opening costs the same for every size.
package final class NumpyFile: Sendable {
  package let header: NumpyHeader
  private let file: InputFile

  package var rowCount: Int { header.rowCount }
  package var columnCount: Int { header.columnCount }

  /// - Throws: `corrupted` for a truncated or foreign file, `unsupported` for arrays of other kinds,
  ///   `invalidArgument` for a file that cannot be opened or rows of more than 32 768 entries.
  package init(path: String) throws(MoultError) {
    let file = try InputFile(path: path)
    let start = UnsafeMutableRawBufferPointer.allocate(
      byteCount: min(file.size, 12 + NumpyHeader.lengthMax), alignment: 8)
    defer { start.deallocate() }
    try file.read(into: start, at: 0)
    header = try NumpyHeader.parse(UnsafeRawBufferPointer(start), fileSize: file.size, path: path)
    self.file = file
  }

  /// Reads rows as float32; float16 is widened exactly.
  ///
  /// - Parameter floats: `rows.count × columnCount`, row-major.
  /// - Precondition: the file holds floats, and these rows.
  package func readRows(
    _ rows: Range<Int>, into floats: UnsafeMutableBufferPointer<Float>
  ) throws(MoultError) {
    precondition(header.element.isFloat, "integers are read by readIntegers")
    check(rows)
    precondition(floats.count == rows.count * columnCount, "the buffer does not fit the rows")
    guard !floats.isEmpty else { return }
    guard header.element == .float16 else {
      return try file.read(into: UnsafeMutableRawBufferPointer(floats), at: offset(ofRow: rows.lowerBound))
    }
    // Halves are read to the upper half of their own destination and widened from the front: each float
    // is written to where its half, and none after it, has already been read.
    let bytes = UnsafeMutableRawBufferPointer(floats)
    let halves = UnsafeMutableRawBufferPointer(rebasing: bytes[(bytes.count / 2)...])
    try file.read(into: halves, at: offset(ofRow: rows.lowerBound))
    for index in 0..<floats.count {
      floats[index] = Half.widened(halves.load(fromByteOffset: index * 2, as: UInt16.self))
    }
  }

  /// Reads rows of integers.
  ///
  /// - Returns: `rows.count × columnCount`, row-major.
  /// - Precondition: the file holds integers, and these rows.
  package func readIntegers(_ rows: Range<Int>) throws(MoultError) -> [Int64] {
    precondition(!header.element.isFloat, "floats are read by readRows")
    check(rows)
    let count = rows.count * columnCount
    let bytes = UnsafeMutableRawBufferPointer.allocate(
      byteCount: count * header.element.sizeBytes, alignment: 8)
    defer { bytes.deallocate() }
    try file.read(into: bytes, at: offset(ofRow: rows.lowerBound))
    return switch header.element {
    case .int32: bytes.bindMemory(to: Int32.self).map(Int64.init)
    case .int64: Array(bytes.bindMemory(to: Int64.self))
    case .float32, .float16: preconditionFailure("checked above")
    }
  }

  private func check(_ rows: Range<Int>) {
    precondition(rows.lowerBound >= 0 && rows.upperBound <= rowCount, "rows outside of the file")
  }

  private func offset(ofRow row: Int) -> Int {
    header.dataOffset + row * columnCount * header.element.sizeBytes
  }
}
