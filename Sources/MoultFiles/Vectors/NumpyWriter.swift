package import MoultModel

/// Writes rows to a `.npy` file that equals, byte for byte, what `np.save` makes of the same array.
///
/// The number of rows is known when the last one is written: ``close()`` puts it into the header.
package final class NumpyWriter {
  private var file: OutputFile
  private let elementType: CollectionSchema.ElementType
  private let dimension: Int
  private var halves: [UInt16] = []
  package private(set) var rowCount = 0

  /// - Parameter force: replace a file that is there already.
  package init(
    path: String, elementType: CollectionSchema.ElementType, dimension: Int, force: Bool = false
  ) throws(MoultError) {
    precondition(dimension > 0, "rows need at least one entry")
    self.elementType = elementType
    self.dimension = dimension
    file = try OutputFile(path: path, force: force)
    try file.write(header)
  }

  private var header: [UInt8] {
    let element: NumpyHeader.Element =
      switch elementType {
      case .float32: .float32
      case .float16: .float16
      }
    return NumpyHeader.encode(element: element, rowCount: rowCount, columnCount: dimension)
  }

  /// Appends whole rows; for float16 they are rounded to the nearest, ties to even.
  ///
  /// - Parameter rows: row-major.
  /// - Throws: `unsupported` if a finite value is too large for float16.
  package func append(_ rows: UnsafeBufferPointer<Float>) throws(MoultError) {
    precondition(rows.count.isMultiple(of: dimension), "rows must be whole")
    switch elementType {
    case .float32: try file.write(UnsafeRawBufferPointer(rows))
    case .float16: try appendNarrowed(rows)
    }
    rowCount += rows.count / dimension
  }

  package func append(_ rows: [Float]) throws(MoultError) {
    try rows.withUnsafeBufferPointer { rows throws(MoultError) in try append(rows) }
  }

  private func appendNarrowed(_ rows: UnsafeBufferPointer<Float>) throws(MoultError) {
    if halves.count < rows.count { halves = [UInt16](repeating: 0, count: rows.count) }
    let tooLarge = halves.withUnsafeMutableBufferPointer { halves -> Int? in
      guard let base = halves.baseAddress else { return nil }
      return Half.narrow(rows, into: base)
    }
    if let tooLarge {
      throw MoultError(
        .unsupported,
        "'\(file.path)': expected values that float16 can hold (below 65520), found \(rows[tooLarge]) in row "
          + "\(rowCount + tooLarge / dimension); export as float32")
    }
    try halves.withUnsafeBufferPointer { halves throws(MoultError) in
      try file.write(UnsafeRawBufferPointer(UnsafeBufferPointer(rebasing: halves[..<rows.count])))
    }
  }

  /// Completes the file and gives it its name. Without it nothing is left behind.
  package func close() throws(MoultError) {
    try file.rewrite(header, at: 0)
    try file.commit()
  }
}
