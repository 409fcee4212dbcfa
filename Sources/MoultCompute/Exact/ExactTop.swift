/// The `k` best of the float64 scores offered: higher score first, of equal scores the smaller row. What is
/// kept does not depend on the order of the offers.
struct ExactTop: Sendable {
  struct Hit: Sendable, Comparable {
    var score: Double
    var row: Int64

    /// Whether `left` is listed before `right`.
    static func < (left: Hit, right: Hit) -> Bool {
      left.score > right.score || (left.score == right.score && left.row < right.row)
    }
  }

  let k: Int
  /// No hit of a lower score can enter: the worst kept score once `k` are kept, −∞ before.
  private(set) var threshold: Double
  /// A binary heap, worst at the root.
  private var heap: [Hit] = []

  init(_ k: Int) {
    precondition(k >= 0)
    self.k = k
    threshold = k == 0 ? .infinity : -.infinity
  }

  mutating func offer(_ hit: Hit) {
    if heap.count < k {
      heap.append(hit)
      siftUp()
      if heap.count == k { threshold = heap[0].score }
    } else if k > 0 && hit < heap[0] {
      siftDown(replacingRootBy: hit)
      threshold = heap[0].score
    }
  }

  /// Offers all that `other` keeps.
  mutating func merge(_ other: ExactTop) {
    for hit in other.heap { offer(hit) }
  }

  /// What is kept, best first, with scores rounded to float.
  func neighbors() -> [GlobalNeighbor] {
    heap.sorted().map { GlobalNeighbor(row: $0.row, score: Float($0.score) + 0) }
  }

  private mutating func siftUp() {
    var child = heap.count - 1
    let hit = heap[child]
    while child > 0 {
      let parent = (child - 1) / 2
      if !(heap[parent] < hit) { break }
      heap[child] = heap[parent]
      child = parent
    }
    heap[child] = hit
  }

  private mutating func siftDown(replacingRootBy hit: Hit) {
    var hole = 0
    while true {
      var child = 2 * hole + 1
      if child >= heap.count { break }
      if child + 1 < heap.count && heap[child] < heap[child + 1] { child += 1 }
      if !(hit < heap[child]) { break }
      heap[hole] = heap[child]
      hole = child
    }
    heap[hole] = hit
  }
}
