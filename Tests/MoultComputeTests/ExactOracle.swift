import MoultModel
import MoultTesting

@testable import MoultCompute

/// The definition of `ExactSearch`, row by row: sums in double in 32 lanes, folded 16, 8, 4, 2, 1.
enum ExactOracle {
  typealias Vector = UnsafePointer<Float>

  /// `isDistance` sums (a − b)² instead of a·b.
  private static func sum(_ a: Vector, _ b: Vector, _ count: Int, isDistance: Bool = false) -> Double {
    withUnsafeTemporaryAllocation(of: Double.self, capacity: 32) { sums in
      sums.initialize(repeating: 0)
      for j in 0..<count {
        let (x, y) = (Double(a[j]), Double(b[j]))
        sums[j & 31] += isDistance ? (x - y) * (x - y) : x * y
      }
      for half in [16, 8, 4, 2, 1] {
        for lane in 0..<half { sums[lane] += sums[lane + half] }
      }
      return sums[0]
    }
  }

  static func score(_ query: Vector, _ row: Vector, _ dimension: Int, _ metric: Metric) -> Double {
    switch metric {
    case .innerProduct: return sum(query, row, dimension)
    case .cosine:
      let norms = sum(query, query, dimension).squareRoot() * sum(row, row, dimension).squareRoot()
      return norms > 0 ? sum(query, row, dimension) / norms : 0
    case .squaredEuclidean: return -sum(query, row, dimension, isDistance: true)
    }
  }

  /// The `k` best live rows of each query by the float64 score, of equal scores the smaller row.
  static func nearest(
    queries: [Float], vectors: [Float], dimension: Int, metric: Metric, k: Int,
    isLive: (Int) -> Bool = { _ in true }
  ) -> [[GlobalNeighbor]] {
    let live = (0..<vectors.count / dimension).filter(isLive)
    return queries.withUnsafeBufferPointer { queries in
      vectors.withUnsafeBufferPointer { vectors in
        (0..<queries.count / dimension).map { q in
          let scored = live.map { row in
            let score = score(
              queries.baseAddress! + q * dimension, vectors.baseAddress! + row * dimension, dimension, metric)
            return (score: score, row: row)
          }
          return scored.sorted { ($0.score, $1.row) > ($1.score, $0.row) }.prefix(k).map {
            GlobalNeighbor(row: Int64($0.row), score: Float($0.score))
          }
        }
      }
    }
  }
}

/// Vectors that are hard on a search that rounds: each kind aims at one way to lose a row.
enum HardVectors: CaseIterable {
  case random, clustered, duplicates, fewDistinct, integers, oneHuge, sparse, constant, manyScales, denormal
  case farAway, mostlyZero, hugeNorms, nearTies

  /// `count × dimension`, the same for the same seed.
  func make(count: Int, dimension: Int, seed: UInt64) -> [Float] {
    var random = SeededGenerator(seed: seed)
    let gaussian = random.gaussianFloats(count: count * dimension)
    func perRow(_ body: (Int, inout SeededGenerator) -> [Float]) -> [Float] {
      (0..<count).flatMap { body($0, &random) }
    }
    func own(_ row: Int) -> ArraySlice<Float> { gaussian[row * dimension..<(row + 1) * dimension] }
    switch self {
    case .random: return gaussian
    case .clustered:
      return perRow { row, _ in zip(own(row % min(8, count)), own(row)).map { $0 + 1e-3 * $1 } }
    case .duplicates: return perRow { _, _ in Array(own(0)) }
    case .fewDistinct:
      return perRow { _, random in Array(own(Int.random(in: 0..<min(5, count), using: &random))) }
    case .integers: return gaussian.map { $0.rounded() }
    case .oneHuge:
      return perRow { row, random in
        var vector = Array(own(row))
        vector[Int.random(in: 0..<dimension, using: &random)] *= 1e4
        return vector
      }
    case .sparse: return gaussian.map { abs($0) > 2 ? $0 : 0 }
    case .constant: return perRow { _, random in Array(repeating: random.gaussian(), count: dimension) }
    case .manyScales:
      return perRow { row, random in
        let scale = Float(sign: .plus, exponent: Int.random(in: -60...50, using: &random), significand: 1)
        return own(row).map { $0 * scale }
      }
    case .denormal: return gaussian.map { $0 * 1e-42 }
    case .farAway: return gaussian.map { $0 + 10_000 }
    case .mostlyZero:
      return perRow { row, _ in row % 4 == 1 ? Array(own(row)) : Array(repeating: 0, count: dimension) }
    case .hugeNorms: return gaussian.map { $0 * 3e37 }
    case .nearTies:
      return perRow { row, random in
        var vector = Array(own(0))
        let place = Int.random(in: 0..<dimension, using: &random)
        vector[place] = vector[place].nextUp
        return vector
      }
    }
  }
}
