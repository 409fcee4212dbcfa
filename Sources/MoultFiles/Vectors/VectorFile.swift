package import MoultModel

/// A file of vectors in any format that is read: `.npy` or `.fvecs`, told apart by the name.
package struct VectorFile: Sendable {
  private enum Format: Sendable {
    case numpy(NumpyFile)
    case fvecs(FvecsFile)
  }

  private let format: Format
  package let path: String
  package let rowCount: Int
  package let dimension: Int
  package let elementType: CollectionSchema.ElementType

  package init(path: String) throws(MoultError) {
    self.path = path
    switch FileExtension(path) {
    case "npy":
      let file = try NumpyFile(path: path)
      switch file.header.element {
      case .float32: elementType = .float32
      case .float16: elementType = .float16
      case .int32, .int64:
        throw MoultError(
          .unsupported,
          "'\(path)': expected vectors of float32 or float16, found integers; convert with "
            + ".astype(np.float32) if they are vectors")
      }
      (rowCount, dimension) = (file.rowCount, file.columnCount)
      format = .numpy(file)
    case "fvecs":
      let file = try FvecsFile(path: path)
      elementType = .float32
      (rowCount, dimension) = (file.rowCount, file.dimension)
      format = .fvecs(file)
    case let other: throw other.unsupported(expected: "a file of vectors (.npy or .fvecs)")
    }
  }

  /// Reads rows as float32, without rounding.
  ///
  /// - Parameter floats: `rows.count × dimension`, row-major.
  package func readRows(
    _ rows: Range<Int>, into floats: UnsafeMutableBufferPointer<Float>
  ) throws(MoultError) {
    switch format {
    case .numpy(let file): try file.readRows(rows, into: floats)
    case .fvecs(let file): try file.readRows(rows, into: floats)
    }
  }

  /// - Returns: `rows.count × dimension`, row-major.
  package func readRows(_ rows: Range<Int>) throws(MoultError) -> [Float] {
    // Read in place: these may be gigabytes. The initializer cannot rethrow a typed error.
    var failure: MoultError?
    let floats = [Float](unsafeUninitializedCapacity: rows.count * dimension) { buffer, count in
      do throws(MoultError) {
        try readRows(rows, into: UnsafeMutableBufferPointer(rebasing: buffer[..<(rows.count * dimension)]))
        count = rows.count * dimension
      } catch {
        failure = error
      }
    }
    if let failure { throw failure }
    return floats
  }
}
