package import MoultModel

/// Writes rows to an `.fvecs` file.
package final class FvecsWriter {
  private var file: OutputFile
  private let dimension: Int
  package private(set) var rowCount = 0

  /// - Parameter force: replace a file that is there already.
  package init(path: String, dimension: Int, force: Bool = false) throws(MoultError) {
    precondition(CollectionSchema.dimensionRange.contains(dimension), "a dimension is 1 to 32768")
    self.dimension = dimension
    file = try OutputFile(path: path, force: force)
  }

  /// Appends whole rows, row-major.
  package func append(_ rows: UnsafeBufferPointer<Float>) throws(MoultError) {
    precondition(rows.count.isMultiple(of: dimension), "rows must be whole")
    let length = (0..<4).map { UInt8(truncatingIfNeeded: dimension >> (8 * $0)) }
    for start in stride(from: 0, to: rows.count, by: dimension) {
      try file.write(length)
      try file.write(UnsafeRawBufferPointer(UnsafeBufferPointer(rebasing: rows[start..<(start + dimension)])))
    }
    rowCount += rows.count / dimension
  }

  package func append(_ rows: [Float]) throws(MoultError) {
    try rows.withUnsafeBufferPointer { rows throws(MoultError) in try append(rows) }
  }

  /// Completes the file and gives it its name. Without it nothing is left behind.
  ///
  /// - Throws: `unsupported` without rows, since the format could not say their dimension.
  package func close() throws(MoultError) {
    guard rowCount > 0 else {
      throw MoultError(
        .unsupported, "'\(file.path)': an .fvecs file cannot be empty, it would have no dimension; use .npy")
    }
    try file.commit()
  }
}
