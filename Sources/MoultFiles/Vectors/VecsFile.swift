import MoultModel

/// What `.fvecs` and `.ivecs` have in common: rows of 32-bit numbers, each behind its own length.
///
/// ```text
/// row i, at i · (4 + 4 · dimension):
/// 0   4  dimension, int32, little-endian; the same in every row
/// 4   …  dimension numbers: float32 in .fvecs, int32 in .ivecs
/// ```
///
/// Nothing says what the file is or how many rows it has: both follow from the first four bytes and the size.
struct VecsFile: ~Copyable, Sendable {
  let file: InputFile
  let dimension: Int
  let rowCount: Int

  private var rowSizeBytes: Int { 4 + 4 * dimension }
  private static let blockSizeBytes = 1 << 20

  /// - Parameter kind: the format's name, for messages.
  init(path: String, kind: String) throws(MoultError) {
    let file = try InputFile(path: path)
    guard file.size >= 4 else {
      throw MoultError(
        .corrupted, "'\(path)': expected an \(kind) file of at least 8 bytes, found \(file.size)")
    }
    let dimension = try Self.dimensions(in: file, at: 0)
    guard CollectionSchema.dimensionRange.contains(dimension) else {
      throw MoultError(
        .corrupted,
        "'\(path)': expected an \(kind) file, whose first 4 bytes are a dimension of 1 to 32768, "
          + "found \(dimension)")
    }
    let rowSizeBytes = 4 + 4 * dimension
    let (rowCount, rest) = file.size.quotientAndRemainder(dividingBy: rowSizeBytes)
    guard rest == 0 else {
      throw MoultError(
        .corrupted,
        "'\(path)': the file is truncated or no \(kind) file: expected a multiple of \(rowSizeBytes) bytes "
          + "(dimension \(dimension)), found \(file.size): \(rest) bytes behind \(rowCount) rows")
    }
    self.file = file
    self.dimension = dimension
    self.rowCount = rowCount
  }

  private static func dimensions(in file: borrowing InputFile, at offset: Int) throws(MoultError) -> Int {
    let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: 4, alignment: 4)
    defer { bytes.deallocate() }
    try file.read(into: bytes, at: offset)
    return Int(bytes.load(as: Int32.self))
  }

  /// Copies the numbers of these rows, without their lengths, after comparing each with the first row's.
  ///
  /// - Parameter destination: `rows.count × dimension × 4` bytes.
  func read(_ rows: Range<Int>, into destination: UnsafeMutableRawBufferPointer) throws(MoultError) {
    precondition(rows.lowerBound >= 0 && rows.upperBound <= rowCount, "rows outside of the file")
    precondition(destination.count == rows.count * dimension * 4, "the buffer does not fit the rows")
    let rowsInBlock = max(1, Self.blockSizeBytes / rowSizeBytes)
    let block = UnsafeMutableRawBufferPointer.allocate(
      byteCount: min(rows.count, rowsInBlock) * rowSizeBytes, alignment: 64)
    defer { block.deallocate() }

    var copied = 0
    for first in stride(from: rows.lowerBound, to: rows.upperBound, by: rowsInBlock) {
      let count = min(rowsInBlock, rows.upperBound - first)
      try file.read(
        into: UnsafeMutableRawBufferPointer(rebasing: block[..<(count * rowSizeBytes)]),
        at: first * rowSizeBytes)
      for row in 0..<count {
        let found = Int(block.load(fromByteOffset: row * rowSizeBytes, as: Int32.self))
        guard found == dimension else {
          throw MoultError(
            .corrupted,
            "'\(file.path)': expected dimension \(dimension) in every row, found \(found) in row "
              + "\(first + row)")
        }
        let numbers = block[(row * rowSizeBytes + 4)..<((row + 1) * rowSizeBytes)]
        UnsafeMutableRawBufferPointer(rebasing: destination[copied...]).copyMemory(
          from: UnsafeRawBufferPointer(rebasing: numbers))
        copied += numbers.count
      }
    }
  }
}
