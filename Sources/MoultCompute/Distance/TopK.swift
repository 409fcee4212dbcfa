/// Keeps the `k` nearest of everything offered to it; of equal scores the smaller row wins, so the result
/// does not depend on the order of the offers. A NaN is never kept.
///
/// A binary heap, worst at the root, of 64-bit keys that order like the neighbours do: an offer that does
/// not pass costs one comparison, one that does O(log k).
public struct TopK: Sendable {
  public let k: Int
  /// The least score that may still enter: the worst kept one once `k` are kept, −∞ before. An offer at
  /// exactly the threshold enters only with a smaller row.
  public private(set) var threshold: Float
  private var keys: [UInt64]

  /// - Parameter k: 0 is allowed and keeps nothing.
  public init(_ k: Int) {
    precondition(k >= 0)
    self.k = k
    threshold = k == 0 ? .infinity : -.infinity
    keys = []
    keys.reserveCapacity(min(k, 1024))
  }

  /// How many are kept at present.
  public var count: Int { keys.count }

  /// Whether `k` are kept, so that something may have been turned away.
  public var isFull: Bool { keys.count >= k }

  @inline(__always)
  public mutating func offer(row: UInt32, score: Float) {
    if score >= threshold { insert(TopK.key(row: row, score: score)) }
  }

  /// Offers the scores of the rows `firstRow ..< firstRow + count`, in one pass over `scores`; rows that
  /// are not live are left out.
  public mutating func offer(
    scores: UnsafePointer<Float>, count: Int, firstRow: Int, live: LiveRows = .all
  ) {
    var i = 0
    // While nothing passes, eight rows cost eight compares and one branch.
    while i + 8 <= count {
      let bar = threshold
      let p = scores + i
      let passes =
        (p[0] >= bar) || (p[1] >= bar) || (p[2] >= bar) || (p[3] >= bar) || (p[4] >= bar)
        || (p[5] >= bar) || (p[6] >= bar) || (p[7] >= bar)
      if passes {
        for j in i..<i + 8 { offerIfLive(row: firstRow + j, score: scores[j], live: live) }
      }
      i += 8
    }
    while i < count {
      offerIfLive(row: firstRow + i, score: scores[i], live: live)
      i += 1
    }
  }

  /// Offers `count` scored rows named by `rows`, in any order.
  public mutating func offer(
    rows: UnsafePointer<UInt32>, scores: UnsafePointer<Float>, count: Int, live: LiveRows = .all
  ) {
    for i in 0..<count { offerIfLive(row: Int(rows[i]), score: scores[i], live: live) }
  }

  /// Offers all that `other` keeps.
  public mutating func merge(_ other: TopK) {
    for key in other.keys { insert(key) }
  }

  /// What is kept, nearest first.
  public func sorted() -> [Neighbor] {
    keys.sorted(by: >).map(TopK.neighbor)
  }

  @inline(__always)
  private mutating func offerIfLive(row: Int, score: Float, live: LiveRows) {
    if score >= threshold && live.contains(row) {
      insert(TopK.key(row: UInt32(truncatingIfNeeded: row), score: score))
    }
  }

  private mutating func insert(_ key: UInt64) {
    if keys.count < k {
      keys.append(key)
      siftUp()
      if keys.count == k { threshold = TopK.neighbor(keys[0]).score }
    } else if k > 0 && key > keys[0] {
      siftDown(replacingRootBy: key)
      threshold = TopK.neighbor(keys[0]).score
    }
  }

  private mutating func siftUp() {
    keys.withUnsafeMutableBufferPointer { heap in
      var child = heap.count - 1
      let key = heap[child]
      while child > 0 {
        let parent = (child - 1) / 2
        if heap[parent] <= key { break }
        heap[child] = heap[parent]
        child = parent
      }
      heap[child] = key
    }
  }

  private mutating func siftDown(replacingRootBy key: UInt64) {
    keys.withUnsafeMutableBufferPointer { heap in
      var hole = 0
      while true {
        var child = 2 * hole + 1
        if child >= heap.count { break }
        if child + 1 < heap.count && heap[child + 1] < heap[child] { child += 1 }
        if heap[child] >= key { break }
        heap[hole] = heap[child]
        hole = child
      }
      heap[hole] = key
    }
  }

  /// A larger key is a better neighbour: the score's bits in an order-preserving form, then the row
  /// complemented. Adding 0 makes −0 and +0 one score.
  private static func key(row: UInt32, score: Float) -> UInt64 {
    let bits = (score + 0).bitPattern
    let ordered = bits >> 31 == 0 ? bits | 0x8000_0000 : ~bits
    return UInt64(ordered) << 32 | UInt64(~row)
  }

  private static func neighbor(_ key: UInt64) -> Neighbor {
    let ordered = UInt32(key >> 32)
    let bits = ordered >> 31 == 1 ? ordered & 0x7FFF_FFFF : ~ordered
    return Neighbor(row: ~UInt32(truncatingIfNeeded: key), score: Float(bitPattern: bits))
  }
}
