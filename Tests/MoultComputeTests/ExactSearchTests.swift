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

  private func expectEqual(
    _ hits: [[GlobalNeighbor]], queries: [Float], vectors: [Float], dimension: Int, metric: Metric, k: Int,
    isLive: (Int) -> Bool = { _ in true }, exactly: Bool
  ) {
    for (q, hits) in hits.enumerated() {
      let exact = Oracle.scores(queries[q * dimension..<(q + 1) * dimension], vectors, metric)
      let rows = exact.indices.filter(isLive).sorted { (exact[$0], $1) > (exact[$1], $0) }.prefix(k)
      #expect(hits.count == rows.count)
      if exactly { #expect(hits.map(\.row) == rows.map(Int64.init), "query \(q)") }
      for (hit, row) in zip(hits, rows) {
        let scale = metric == .cosine ? 1 : Double(dimension) + abs(exact[row])
        // Rounding may swap rows whose true scores differ by as little; scores must agree anyway.
        #expect(abs(Double(hit.score) - exact[row]) < 2e-6 * scale, "query \(q)")
        #expect(abs(exact[Int(hit.row)] - exact[row]) < 4e-6 * scale, "query \(q)")
        #expect(isLive(Int(hit.row)))
      }
      #expect(Set(hits.map(\.row)).count == hits.count)
      #expect(hits == hits.sorted())
    }
  }

  @Test(
    "equals brute force in double at every dimension and batch size",
    arguments: boundaryDimensions, [1, 15, 16, 17])
  func equalsBruteForce(dimension: Int, queryCount: Int) {
    for metric in Metric.allCases {
      var random = SeededGenerator(seed: UInt64(dimension * 100 + queryCount))
      let vectors = random.gaussianFloats(count: 100 * dimension)
      let queries = random.gaussianFloats(count: queryCount * dimension)
      let coded = CodedVectors(.identity(dimension: dimension, metric: metric), vectors)
      let hits = ExactSearch.search(
        queries: queries, queryCount: queryCount, dimension: dimension, metric: metric,
        segments: [ExactSegment(codes: coded.view)], k: 10)
      expectEqual(
        hits, queries: queries, vectors: vectors, dimension: dimension, metric: metric, k: 10,
        exactly: false)
    }
  }

  @Test(
    "breaks ties by the smaller row, duplicates and zero vectors included",
    arguments: Metric.allCases, [1, 5, 40])
  func breaksTies(metric: Metric, k: Int) {
    // Small integers: every inner product is exact, so ties are exact. Unit vectors of one entry ±1 for
    // cosine, so that norms are exact as well.
    var random = SeededGenerator(seed: UInt64(k))
    let dimension = 4
    func vector() -> [Float] {
      if metric != .cosine {
        return (0..<dimension).map { _ in Float(Int.random(in: -2...2, using: &random)) }
      }
      var unit = [Float](repeating: 0, count: dimension)
      if Int.random(in: 0..<10, using: &random) > 0 {
        unit[Int.random(in: 0..<dimension, using: &random)] = Bool.random(using: &random) ? 1 : -1
      }
      return unit
    }
    let vectors = (0..<700).flatMap { _ in vector() }
    let queries = (0..<20).flatMap { _ in vector() }
    let coded = CodedVectors(.identity(dimension: dimension, metric: metric), vectors)
    for queryCount in [3, 20] {
      let hits = ExactSearch.search(
        queries: queries, queryCount: queryCount, dimension: dimension, metric: metric,
        segments: [ExactSegment(codes: coded.view)], k: k)
      expectEqual(
        hits, queries: queries, vectors: vectors, dimension: dimension, metric: metric, k: k, exactly: true)
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
    expectEqual(
      Array(expected[..<20]), queries: queries, vectors: vectors, dimension: dimension, metric: metric, k: 20,
      exactly: false)
    for width in 1...4 {
      for parts in [whole, segments, segments.reversed()] {
        let hits = ExactSearch.search(
          queries: queries, queryCount: 260, dimension: dimension, metric: metric, segments: parts, k: 20,
          parallel: Self.workers(width))
        #expect(hits == expected)
      }
    }
    // Few at a time: the row kernels instead of sgemm.
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
        expectEqual(
          hits, queries: queries, vectors: vectors, dimension: dimension, metric: .innerProduct, k: k,
          isLive: { live[$0 / 64] >> UInt64($0 % 64) & 1 == 1 }, exactly: false)
      }
    }
  }

  @Test("is right where cancellation hides distances", arguments: [4, 40])
  func farFromTheOrigin(queryCount: Int) {
    var random = SeededGenerator(seed: 6)
    let dimension = 8
    // Differences of the size of 1 at a distance of 10⁴: sgemm's squares cannot tell them apart.
    let vectors = random.gaussianFloats(count: 400 * dimension).map { $0.rounded() + 10_000 }
    let queries = random.gaussianFloats(count: queryCount * dimension).map { $0.rounded() + 10_000 }
    let coded = CodedVectors(.identity(dimension: dimension, metric: .squaredEuclidean), vectors)
    let hits = ExactSearch.search(
      queries: queries, queryCount: queryCount, dimension: dimension, metric: .squaredEuclidean,
      segments: [ExactSegment(codes: coded.view)], k: 10)
    expectEqual(
      hits, queries: queries, vectors: vectors, dimension: dimension, metric: .squaredEuclidean, k: 10,
      exactly: true)
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
