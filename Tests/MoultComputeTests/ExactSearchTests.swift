import Dispatch
import MoultModel
import MoultTesting
import Synchronization
import Testing

@testable import MoultCompute

@Suite("Exact search")
struct ExactSearchTests {
  /// A parallel loop by `width` workers that take bodies as they come.
  private static func workers(_ width: Int) -> ParallelFor {
    ParallelFor { count, body in
      let next = Atomic<Int>(0)
      DispatchQueue.concurrentPerform(iterations: width) { _ in
        while true {
          let index = next.add(1, ordering: .relaxed).oldValue
          if index >= count { return }
          body(index)
        }
      }
    }
  }

  /// Ids, order and scores.
  private func expectExact(
    _ hits: [[GlobalNeighbor]], queries: [Float], vectors: [Float], dimension: Int, metric: Metric, k: Int,
    isLive: (Int) -> Bool = { _ in true }, _ comment: Comment = ""
  ) {
    let expected = ExactOracle.nearest(
      queries: queries, vectors: vectors, dimension: dimension, metric: metric, k: k, isLive: isLive)
    #expect(hits.count == expected.count)
    for (q, pair) in zip(hits, expected).enumerated() {
      #expect(pair.0 == pair.1, "\(comment) \(metric), query \(q)")
    }
  }

  @Test(
    "equals brute force in double at every dimension and batch size",
    arguments: boundaryDimensions, [1, 7, 8, 9, 260])
  func equalsBruteForce(dimension: Int, queryCount: Int) {
    for metric in Metric.allCases {
      var random = SeededGenerator(seed: UInt64(dimension * 100 + queryCount))
      let vectors = random.gaussianFloats(count: 100 * dimension)
      let queries = random.gaussianFloats(count: queryCount * dimension)
      let coded = CodedVectors(.identity(dimension: dimension, metric: metric), vectors)
      let hits = ExactSearch.search(
        queries: queries, queryCount: queryCount, dimension: dimension, metric: metric,
        segments: [ExactSegment(codes: coded.view)], k: 10)
      expectExact(
        hits, queries: queries, vectors: vectors, dimension: dimension, metric: metric, k: 10)
    }
  }

  @Test(
    "equals brute force in double on vectors that are hard to round",
    arguments: HardVectors.allCases, [1, 3, 31, 33, 100, 384])
  func equalsBruteForceOnHardVectors(kind: HardVectors, dimension: Int) {
    let count = dimension > 64 ? 200 : 600
    let vectors = kind.make(count: count, dimension: dimension, seed: UInt64(dimension))
    // Rows themselves, vectors of the same kind, plain ones and the zero vector.
    let queries =
      Array(vectors[..<(6 * dimension)]) + kind.make(count: 12, dimension: dimension, seed: 9)
      + HardVectors.random.make(count: 3, dimension: dimension, seed: 10)
      + [Float](repeating: 0, count: dimension)
    for metric in Metric.allCases {
      let coded = CodedVectors(.identity(dimension: dimension, metric: metric), vectors)
      let expected = ExactOracle.nearest(
        queries: queries, vectors: vectors, dimension: dimension, metric: metric, k: count)
      for k in [1, 10, count + 1] {
        // 22 and, without plain ones among them, 18 by signed bytes; 7 by float rows.
        for queryCount in [22, 18, 7] {
          let hits = ExactSearch.search(
            queries: queries, queryCount: queryCount, dimension: dimension, metric: metric,
            segments: [ExactSegment(codes: coded.view)], k: k)
          for q in 0..<queryCount {
            #expect(hits[q] == Array(expected[q].prefix(k)), "\(metric), k \(k), query \(q) of \(queryCount)")
          }
        }
      }
    }
  }

  @Test("is exact at, and above, the largest dimension of signed bytes", arguments: [32_768, 32_801])
  func largestDimensions(dimension: Int) {
    var random = SeededGenerator(seed: UInt64(dimension))
    // Full bytes of one sign in rows and queries: the largest sums there are.
    let vectors = random.floats(count: 18 * dimension, range: 0.99...1)
    let queries = Array(vectors[..<(8 * dimension)])
    for metric in [Metric.cosine, .squaredEuclidean] {
      let coded = CodedVectors(.identity(dimension: dimension, metric: metric), vectors)
      let hits = ExactSearch.search(
        queries: queries, queryCount: 8, dimension: dimension, metric: metric,
        segments: [ExactSegment(codes: coded.view)], k: 3)
      expectExact(
        hits, queries: queries, vectors: vectors, dimension: dimension, metric: metric, k: 3)
    }
  }

  @Test("breaks ties by the smaller row", arguments: Metric.allCases, [1, 5, 40])
  func breaksTies(metric: Metric, k: Int) {
    var random = SeededGenerator(seed: UInt64(k))
    let dimension = 4
    let values = (0..<720 * dimension).map { _ in Float(Int.random(in: -2...2, using: &random)) }
    let vectors = Array(values[..<(700 * dimension)])
    let queries = Array(values[(700 * dimension)...])
    let coded = CodedVectors(.identity(dimension: dimension, metric: metric), vectors)
    for queryCount in [3, 20] {
      let hits = ExactSearch.search(
        queries: queries, queryCount: queryCount, dimension: dimension, metric: metric,
        segments: [ExactSegment(codes: coded.view)], k: k)
      expectExact(
        hits, queries: Array(queries[..<(queryCount * dimension)]), vectors: vectors, dimension: dimension,
        metric: metric, k: k)
    }
  }

  @Test(
    "gives one answer for every thread count, batch and division into segments",
    arguments: Metric.allCases)
  func isDeterministic(metric: Metric) {
    var random = SeededGenerator(seed: 77)
    let dimension = 6
    let count = 8300
    var vectors = random.gaussianFloats(count: count * dimension)
    // Runs of duplicates across the edges of tiles and segments.
    for row in 2030..<2090 {
      for j in 0..<dimension { vectors[row * dimension + j] = vectors[j] }
    }
    let queries = Array(vectors[..<(5 * dimension)]) + random.gaussianFloats(count: 255 * dimension)
    let coded = CodedVectors(.identity(dimension: dimension, metric: metric), vectors)
    let whole = [ExactSegment(codes: coded.view)]
    let cuts = [0, 1, 700, 2047, 2060, 8299, 8300]
    let segments = zip(cuts, cuts.dropFirst()).map { first, end in
      ExactSegment(codes: coded.view.subview(from: first, count: end - first), firstRow: Int64(first))
    }
    let expected = ExactSearch.search(
      queries: queries, queryCount: 260, dimension: dimension, metric: metric, segments: whole, k: 20)
    expectExact(
      Array(expected[..<20]), queries: Array(queries[..<(20 * dimension)]), vectors: vectors,
      dimension: dimension, metric: metric, k: 20)
    for width in 1...4 {
      for parts in [whole, segments, segments.reversed()] {
        let hits = ExactSearch.search(
          queries: queries, queryCount: 260, dimension: dimension, metric: metric, segments: parts, k: 20,
          parallel: Self.workers(width))
        #expect(hits == expected)
      }
    }
    // Few at a time: float rows instead of signed bytes.
    let few = ExactSearch.search(
      queries: queries, queryCount: 7, dimension: dimension, metric: metric, segments: segments, k: 20)
    #expect(few == Array(expected[..<7]))
  }

  @Test("returns live rows only, and all of them when k is larger", arguments: [3, 30])
  func liveRows(queryCount: Int) {
    var random = SeededGenerator(seed: 5)
    let dimension = 10
    let vectors = random.gaussianFloats(count: 130 * dimension)
    let queries = random.gaussianFloats(count: queryCount * dimension)
    let words = (0..<3).map { _ in random.next() }
    let coded = CodedVectors(.identity(dimension: dimension, metric: .innerProduct), vectors)
    words.withUnsafeBufferPointer { live in
      for k in [1, 10, 500] {
        let hits = ExactSearch.search(
          queries: queries, queryCount: queryCount, dimension: dimension, metric: .innerProduct,
          segments: [ExactSegment(codes: coded.view, live: LiveRows(words: live.baseAddress))], k: k)
        expectExact(
          hits, queries: queries, vectors: vectors, dimension: dimension, metric: .innerProduct, k: k,
          isLive: { live[$0 / 64] >> UInt64($0 % 64) & 1 == 1 })
      }
    }
  }

  @Test("is right where cancellation hides distances", arguments: [4, 40])
  func farFromTheOrigin(queryCount: Int) {
    var random = SeededGenerator(seed: 6)
    let dimension = 8
    // Differences of the size of 1 at a distance of 10⁴: float squares cannot tell them apart.
    let vectors = random.gaussianFloats(count: 400 * dimension).map { $0.rounded() + 10_000 }
    let queries = random.gaussianFloats(count: queryCount * dimension).map { $0.rounded() + 10_000 }
    let coded = CodedVectors(.identity(dimension: dimension, metric: .squaredEuclidean), vectors)
    let hits = ExactSearch.search(
      queries: queries, queryCount: queryCount, dimension: dimension, metric: .squaredEuclidean,
      segments: [ExactSegment(codes: coded.view)], k: 10)
    expectExact(
      hits, queries: queries, vectors: vectors, dimension: dimension, metric: .squaredEuclidean, k: 10)
  }

  @Test("nothing to search gives empty results", arguments: [0, 1, 20])
  func empty(queryCount: Int) {
    let queries = [Float](repeating: 1, count: 20 * 3)
    let none = CodedVectors(.identity(dimension: 3, metric: .cosine), [])
    for segments in [[], [ExactSegment(codes: none.view)]] {
      let hits = ExactSearch.search(
        queries: queries, queryCount: queryCount, dimension: 3, metric: .cosine, segments: segments, k: 5)
      #expect(hits == Array(repeating: [], count: queryCount))
    }
    let one = CodedVectors(.identity(dimension: 3, metric: .cosine), [0, 0, 2])
    for k in [0, 1, 5] {
      let hits = ExactSearch.search(
        queries: queries, queryCount: queryCount, dimension: 3, metric: .cosine,
        segments: [ExactSegment(codes: one.view, firstRow: 1 << 40)], k: k)
      #expect(hits.allSatisfy { $0.map(\.row) == (k == 0 ? [] : [1 << 40]) })
    }
  }
}
