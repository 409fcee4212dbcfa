/// The best keys so far in a sorted array, nearest first, with a cursor at the nearest one that is not
/// expanded. At the usual sizes moving a few cache lines is cheaper than two heaps.
struct GraphBeam {
  private(set) var keys: UnsafeMutablePointer<UInt64>
  private(set) var count = 0
  private var capacity = 0
  private var allocated = 64
  private var cursor = 0
  /// The first places, whose changes are watched.
  private var watchedCount = 0
  /// Rows expanded since one of the watched places last changed.
  private(set) var idleExpansions = 0

  init() {
    keys = .allocate(capacity: allocated)
  }

  func deallocate() {
    keys.deallocate()
  }

  /// Empties the beam; from now on it keeps the `ef` nearest, and counts what is expanded while the `watched`
  /// nearest stay the same.
  mutating func reset(ef: Int, watching watched: Int = 0) {
    if ef > allocated {
      keys.deallocate()
      allocated = ef
      keys = .allocate(capacity: ef)
    }
    capacity = ef
    count = 0
    cursor = 0
    watchedCount = watched
    idleExpansions = 0
  }

  /// Whether `key` would enter the beam.
  @inline(__always)
  func admits(_ key: UInt64) -> Bool { count < capacity || key > keys[count &- 1] }

  /// - Returns: whether the key is now among the next to be expanded.
  @inline(__always) @discardableResult
  mutating func insert(_ key: UInt64) -> Bool {
    guard admits(key) else { return false }
    var low = 0
    var high = count
    while low < high {
      let middle = (low &+ high) >> 1
      if keys[middle] > key { low = middle &+ 1 } else { high = middle }
    }
    let kept = count < capacity ? count : capacity &- 1
    (keys + low + 1).update(from: keys + low, count: kept &- low)
    keys[low] = key
    count = kept &+ 1
    if low < watchedCount { idleExpansions = 0 }
    let isNear = low < cursor &+ Self.nearCount
    if low < cursor { cursor = low }
    return isNear
  }

  /// Calls `body` with the next rows that will be expanded unless nearer ones turn up.
  @inline(__always)
  func forEachNear(_ body: (UInt32) -> Void) {
    var at = cursor
    var found = 0
    while at < count, found < Self.nearCount {
      if keys[at] & GraphKey.expandedBit == 0 {
        body(GraphKey.row(keys[at]))
        found &+= 1
      }
      at &+= 1
    }
  }

  /// Rows whose links are fetched before their turn comes.
  private static let nearCount = 2

  /// The nearest row that was not expanded yet, marked as expanded.
  @inline(__always)
  mutating func next() -> UInt32? {
    while cursor < count, keys[cursor] & GraphKey.expandedBit != 0 {
      cursor &+= 1
    }
    guard cursor < count else { return nil }
    let key = keys[cursor]
    keys[cursor] = key | GraphKey.expandedBit
    cursor &+= 1
    idleExpansions &+= 1
    return GraphKey.row(key)
  }
}
