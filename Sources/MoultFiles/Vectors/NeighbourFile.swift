package import MoultModel

/// The true nearest neighbours of a set of queries: a `.npy` of int32 or int64, or an `.ivecs`.
///
/// Row i holds the row numbers of query i's neighbours, best first.
package struct NeighbourFile: Sendable {
  private enum Format: Sendable {
    case numpy(NumpyFile)
    case ivecs(IvecsFile)
  }

  private let format: Format
  package let rowCount: Int
  /// Neighbours a query.
  package let columnCount: Int

  package init(path: String) throws(MoultError) {
    switch FileExtension(path) {
    case "npy":
      let file = try NumpyFile(path: path)
      guard !file.header.element.isFloat else {
        throw MoultError(
          .unsupported,
          "'\(path)': expected neighbours as int32 or int64, found floats; convert with .astype(np.int32)")
      }
      (rowCount, columnCount) = (file.rowCount, file.columnCount)
      format = .numpy(file)
    case "ivecs":
      let file = try IvecsFile(path: path)
      (rowCount, columnCount) = (file.rowCount, file.columnCount)
      format = .ivecs(file)
    case let other: throw other.unsupported(expected: "a file of neighbours (.npy or .ivecs)")
    }
  }

  /// - Returns: `rows.count × columnCount`, row-major.
  package func readRows(_ rows: Range<Int>) throws(MoultError) -> [Int64] {
    switch format {
    case .numpy(let file): try file.readIntegers(rows)
    case .ivecs(let file): try file.readIntegers(rows)
    }
  }
}
