package import MoultModel

/// An `.ivecs` file (rows of int32, each behind its length) that is being read.
package final class IvecsFile: Sendable {
  private let rows: VecsFile

  package var rowCount: Int { rows.rowCount }
  package var columnCount: Int { rows.dimension }

  package init(path: String) throws(MoultError) {
    rows = try VecsFile(path: path, kind: ".ivecs")
  }

  /// - Returns: `range.count × columnCount`, row-major.
  package func readIntegers(_ range: Range<Int>) throws(MoultError) -> [Int64] {
    let values = UnsafeMutableBufferPointer<Int32>.allocate(capacity: range.count * columnCount)
    defer { values.deallocate() }
    try rows.read(range, into: UnsafeMutableRawBufferPointer(values))
    return values.map(Int64.init)
  }
}
