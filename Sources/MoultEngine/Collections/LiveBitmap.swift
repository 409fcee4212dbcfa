import MoultCompute

/// Which rows of a segment are live: bit i set = row i is the current version of its point.
///
/// Immutable; a write publishes a changed copy (a byte for eight rows).
final class LiveBitmap: @unchecked Sendable {
  private let words: UnsafeMutablePointer<UInt64>
  private let wordCount: Int
  let liveCount: Int

  /// All of the first `count` rows live, of `capacity`.
  init(capacity: Int, live count: Int, except dead: some Sequence<Int>) {
    wordCount = (capacity + 63) / 64
    words = .allocate(capacity: max(wordCount, 1))
    words.initialize(repeating: 0, count: max(wordCount, 1))
    for word in 0..<(count / 64) { words[word] = ~0 }
    if count % 64 > 0 { words[count / 64] = (1 << UInt64(count % 64)) - 1 }
    for row in dead where row < count { words[row / 64] &= ~(1 << UInt64(row % 64)) }
    liveCount = (0..<wordCount).reduce(0) { [words] in $0 + words[$1].nonzeroBitCount }
  }

  private init(copying other: LiveBitmap, adding: some Sequence<Int>, removing: [Int]) {
    wordCount = other.wordCount
    words = .allocate(capacity: max(wordCount, 1))
    words.initialize(from: other.words, count: max(wordCount, 1))
    for row in adding { words[row / 64] |= 1 << UInt64(row % 64) }
    for row in removing { words[row / 64] &= ~(1 << UInt64(row % 64)) }
    liveCount = (0..<wordCount).reduce(0) { [words] in $0 + words[$1].nonzeroBitCount }
  }

  deinit { words.deallocate() }

  /// A copy with `adding` live and then `removing` dead; rows are indexes inside the segment.
  func changed(adding: Range<Int> = 0..<0, removing: [Int]) -> LiveBitmap {
    LiveBitmap(copying: self, adding: adding, removing: removing)
  }

  /// The same with `adding` given one by one.
  func changed(addingEach adding: [Int], removing: [Int]) -> LiveBitmap {
    LiveBitmap(copying: self, adding: adding, removing: removing)
  }

  /// What is in both; the other one may be shorter.
  func intersection(_ other: LiveBitmap) -> LiveBitmap { LiveBitmap(self, and: other) }

  private init(_ one: LiveBitmap, and other: LiveBitmap) {
    wordCount = one.wordCount
    words = .allocate(capacity: max(wordCount, 1))
    words.initialize(repeating: 0, count: max(wordCount, 1))
    for word in 0..<min(wordCount, other.wordCount) { words[word] = one.words[word] & other.words[word] }
    liveCount = (0..<wordCount).reduce(0) { [words] in $0 + words[$1].nonzeroBitCount }
  }

  var sizeBytes: Int { wordCount * MemoryLayout<UInt64>.stride }

  /// Valid while this object lives.
  var liveRows: LiveRows { LiveRows(words: UnsafePointer(words)) }

  func contains(_ row: Int) -> Bool { words[row / 64] & (1 << UInt64(row % 64)) != 0 }
}
