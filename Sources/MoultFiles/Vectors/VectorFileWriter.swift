package import MoultModel

/// Writes vectors in the format of the file's name: `.npy` or `.fvecs`.
package struct VectorFileWriter {
  private enum Format {
    case numpy(NumpyWriter)
    case fvecs(FvecsWriter)
  }

  private let format: Format

  /// - Parameters:
  ///   - elementType: of a `.npy`; `.fvecs` are always float32.
  ///   - force: replace a file that is there already.
  package init(
    path: String, elementType: CollectionSchema.ElementType, dimension: Int, force: Bool = false
  ) throws(MoultError) {
    switch FileExtension(path) {
    case "npy":
      format = .numpy(
        try NumpyWriter(path: path, elementType: elementType, dimension: dimension, force: force))
    case "fvecs": format = .fvecs(try FvecsWriter(path: path, dimension: dimension, force: force))
    case let other: throw other.unsupported(expected: "a file of vectors (.npy or .fvecs)")
    }
  }

  /// Appends whole rows, row-major.
  package func append(_ rows: [Float]) throws(MoultError) {
    switch format {
    case .numpy(let writer): try writer.append(rows)
    case .fvecs(let writer): try writer.append(rows)
    }
  }

  package var rowCount: Int {
    switch format {
    case .numpy(let writer): writer.rowCount
    case .fvecs(let writer): writer.rowCount
    }
  }

  /// Completes the file and gives it its name. Without it nothing is left behind.
  package func close() throws(MoultError) {
    switch format {
    case .numpy(let writer): try writer.close()
    case .fvecs(let writer): try writer.close()
    }
  }
}
