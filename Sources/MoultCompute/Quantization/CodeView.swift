/// Rows of codes in memory that someone else owns: row `i` at `rows + i·rowStride`, its side data (the
/// correction factors) at `side + i·sideStride`.
///
/// Rows and side data may lie in two arrays or be interleaved; the strides say which. A view does not keep
/// its memory alive: whoever makes it holds the mapping or the buffer until the last use.
public struct CodeView: @unchecked Sendable {
  public var rows: UnsafeRawPointer
  /// Bytes from one row to the next; a multiple of 4 where rows are float32.
  public var rowStride: Int
  /// Absent only where the encoder's `sideBytes` is 0. 4-byte aligned.
  public var side: UnsafeRawPointer?
  /// Bytes from one row's side data to the next; a multiple of 4.
  public var sideStride: Int
  /// Rows.
  public var count: Int

  public init(
    rows: UnsafeRawPointer, rowStride: Int, side: UnsafeRawPointer?, sideStride: Int, count: Int
  ) {
    precondition(count >= 0 && rowStride >= 0 && sideStride >= 0)
    self.rows = rows
    self.rowStride = rowStride
    self.side = side
    self.sideStride = sideStride
    self.count = count
  }

  /// `count` rows from row `first` on; row 0 of the result is row `first` of this view.
  public func subview(from first: Int, count: Int) -> CodeView {
    precondition(first >= 0 && count >= 0 && first + count <= self.count)
    return CodeView(
      rows: rows + first * rowStride, rowStride: rowStride, side: side.map { $0 + first * sideStride },
      sideStride: sideStride, count: count)
  }
}
