/// 63 steps that a number of every row lies in: quantiles of a sample, the outermost moved outwards.
struct TermSteps: Sendable {
  static let count = 63

  /// Ascending; step i goes from edge i to edge i + 1.
  let edges: [Float]

  var middle: Float { edges[32] }

  init(sample: [Float]) {
    let sorted = sample.sorted()
    guard let last = sorted.last else {
      edges = [Float](repeating: 0, count: TermSteps.count + 1)
      return
    }
    var edges = (0...TermSteps.count).map { sorted[$0 * (sorted.count - 1) / TermSteps.count] }
    edges[0] -= 0.5 * (edges[32] - edges[0])
    edges[TermSteps.count] += 0.5 * (last - edges[32])
    self.edges = edges
  }

  /// The step that `value` lies in.
  func step(_ value: Float) -> UInt8? {
    guard value >= edges[0] && value <= edges[TermSteps.count] else { return nil }
    var (low, high) = (0, TermSteps.count - 1)
    while low < high {
      let middle = (low + high + 1) / 2
      if edges[middle] <= value { low = middle } else { high = middle - 1 }
    }
    return UInt8(low)
  }
}
