/// The neighbours of each query of a batch, in memory that is used again.
public final class NeighborLists: @unchecked Sendable {
  public private(set) var queryCount = 0
  /// Places for the neighbours of one query.
  private var slotCount = 0
  private var neighbors: UnsafeMutablePointer<Neighbor>
  private var capacity = 0
  private var counts: [Int] = []

  public init() {
    neighbors = .allocate(capacity: 1)
  }

  deinit {
    neighbors.deallocate()
  }

  /// Nearest first; valid until the lists are filled anew or let go.
  public subscript(query: Int) -> UnsafeBufferPointer<Neighbor> {
    precondition((0..<queryCount).contains(query), "query \(query) of \(queryCount)")
    return UnsafeBufferPointer(start: neighbors + query * slotCount, count: counts[query])
  }

  /// Makes room for `k` neighbours of each of so many queries; all lists are empty then.
  func reset(queryCount: Int, k: Int) {
    if queryCount * k > capacity {
      neighbors.deallocate()
      capacity = queryCount * k
      neighbors = .allocate(capacity: capacity)
    }
    while counts.count < queryCount { counts.append(0) }
    for query in 0..<queryCount { counts[query] = 0 }
    self.queryCount = queryCount
    slotCount = k
  }

  func append(_ neighbor: Neighbor, to query: Int) {
    neighbors[query * slotCount + counts[query]] = neighbor
    counts[query] += 1
  }
}
