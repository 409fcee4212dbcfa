package import MoultModel

/// An `.fvecs` file (float32 vectors, each behind its dimension) that is being read.
package final class FvecsFile: Sendable {
  private let rows: VecsFile

  package var rowCount: Int { rows.rowCount }
  package var dimension: Int { rows.dimension }

  /// - Throws: `corrupted` for a truncated or foreign file. Dimensions after the first row's are checked
  ///   when their rows are read.
  package init(path: String) throws(MoultError) {
    rows = try VecsFile(path: path, kind: ".fvecs")
  }

  /// - Parameter floats: `range.count × dimension`, row-major.
  package func readRows(
    _ range: Range<Int>, into floats: UnsafeMutableBufferPointer<Float>
  ) throws(MoultError) {
    try rows.read(range, into: UnsafeMutableRawBufferPointer(floats))
  }
}
