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
