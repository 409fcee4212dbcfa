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

/// Which rows may be returned: bit `i % 64` of word `i / 64` is set where row `i` is live; no words means
/// that every row is. The memory belongs to whoever made it.
public struct LiveRows: @unchecked Sendable {
  public var words: UnsafePointer<UInt64>?

  public init(words: UnsafePointer<UInt64>?) {
    self.words = words
  }

  /// Every row is live.
  public static let all = LiveRows(words: nil)

  @inlinable
  public func contains(_ row: Int) -> Bool {
    guard let words else { return true }
    return words[row >> 6] >> UInt64(row & 63) & 1 != 0
  }

  /// Live rows among the first `rowCount`.
  public func count(of rowCount: Int) -> Int {
    guard let words else { return rowCount }
    var count = 0
    for word in 0..<rowCount / 64 { count += words[word].nonzeroBitCount }
    let rest = rowCount % 64
    if rest > 0 { count += (words[rowCount / 64] & (1 << UInt64(rest) - 1)).nonzeroBitCount }
    return count
  }
}
