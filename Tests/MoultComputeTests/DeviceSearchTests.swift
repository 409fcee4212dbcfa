import MoultModel
import MoultTesting
import Testing

@testable import MoultCompute

@Suite("Searches on a device", .needsDevice)
struct DeviceSearchTests {
  /// Full-precision rows in three segments with gaps between their numbers; of the second only some rows live, of the
  /// third none.
  private final class Segments {
    let segments: [ExactSegment]
    private let coded: CodedVectors
    private let live: UnsafeMutablePointer<UInt64>

    init(_ vectors: [Float], dimension: Int, metric: Metric, seed: UInt64) {
      var random = SeededGenerator(seed: seed)
      coded = CodedVectors(.identity(dimension: dimension, metric: metric), vectors)
      let words = coded.count / 64 + 1
      live = .allocate(capacity: 2 * words)
      for word in 0..<words { live[word] = random.next() | random.next() }
      (live + words).initialize(repeating: 0, count: words)
      let (first, second) = (coded.count / 3, coded.count - coded.count / 10)
      segments = [
        ExactSegment(codes: coded.view.subview(from: 0, count: first), firstRow: 5),
        ExactSegment(
          codes: coded.view.subview(from: first, count: second - first), live: LiveRows(words: live),
          firstRow: 5 + Int64(coded.count)),
        ExactSegment(codes: coded.view.subview(from: 0, count: 0)),
        ExactSegment(
          codes: coded.view.subview(from: second, count: coded.count - second),
          live: LiveRows(words: live + words), firstRow: 5 + 3 * Int64(coded.count)),
      ]
    }

    deinit { live.deallocate() }
  }

  private func expectEqual(
    _ fixture: DeviceFixture, _ vectors: [Float], queries: [Float], dimension: Int, metric: Metric, k: Int,
    _ comment: Comment
  ) {
    let rows = Segments(vectors, dimension: dimension, metric: metric, seed: UInt64(dimension))
    func search(_ parallel: ParallelFor) -> (hits: [[GlobalNeighbor]], report: ExactReport) {
      ExactSearch.reported(
        queries: queries, queryCount: queries.count / dimension, dimension: dimension, metric: metric,
        segments: rows.segments, k: k, parallel: parallel)
    }
    let onDevice = fixture.expectWork(comment) { search(fixture.parallel) }
    #expect(onDevice.report.deviceBits != nil, comment)
    let onThreads = search(.serial)
    #expect(onThreads.report.deviceBits == nil)
    for (query, pair) in zip(onDevice.hits, onThreads.hits).enumerated() {
      #expect(pair.0 == pair.1, "\(comment), query \(query)")
    }
    #expect(onDevice.hits.count == onThreads.hits.count)
  }

  @Test(
    "exact search has the CPU's hits at every dimension", arguments: [1, 3, 31, 64, 100, 384], Metric.allCases
  )
  func exactAtEveryDimension(dimension: Int, metric: Metric) throws {
    var random = SeededGenerator(seed: UInt64(dimension))
    let vectors = random.gaussianFloats(count: 700 * dimension)
    let queries = random.gaussianFloats(count: 17 * dimension) + vectors[..<dimension]
    expectEqual(
      try DeviceFixture(), vectors, queries: queries, dimension: dimension, metric: metric, k: 10,
      "seed \(random.seed)")
  }

  @Test("exact search has the CPU's hits on vectors that are hard to round", arguments: HardVectors.allCases)
  func exactOnHardVectors(kind: HardVectors) throws {
    let (dimension, count) = (33, 300)
    let vectors = kind.make(count: count, dimension: dimension, seed: 7)
    let queries =
      Array(vectors[..<(6 * dimension)]) + kind.make(count: 5, dimension: dimension, seed: 9)
      + [Float](repeating: 0, count: dimension)
    let fixture = try DeviceFixture()
    for metric in Metric.allCases {
      for k in [1, 10, count + 1] {
        expectEqual(
          fixture, vectors, queries: queries, dimension: dimension, metric: metric, k: k,
          "\(kind), \(metric), k \(k)")
      }
    }
  }

  @Test("rows that do not fit the device's memory are searched all the same")
  func exactInTiles() throws {
    let dimension = 64
    var random = SeededGenerator(seed: 11)
    let vectors = random.gaussianFloats(count: 20_000 * dimension)
    let queries = random.gaussianFloats(count: 9 * dimension)
    let coded = CodedVectors(.identity(dimension: dimension, metric: .cosine), vectors)
    // 5 MB of rows.
    let fixture = try DeviceFixture([.memory: 3 << 20])
    let found = ExactSearch.search(
      queries: queries, queryCount: 9, dimension: dimension, metric: .cosine,
      segments: [ExactSegment(codes: coded.view)], k: 5, parallel: fixture.parallel)
    let expected = ExactSearch.search(
      queries: queries, queryCount: 9, dimension: dimension, metric: .cosine,
      segments: [ExactSegment(codes: coded.view)], k: 5)
    #expect(found == expected)
    #expect(!fixture.device.isLost)
  }

  @Test("a set that the device holds answers more than once, and the CPU what it cannot")
  func heldRows() throws {
    let dimension = 20
    var random = SeededGenerator(seed: 12)
    let vectors = random.gaussianFloats(count: 5000 * dimension)
    let queries = random.gaussianFloats(count: 10 * dimension)
    let coded = CodedVectors(.identity(dimension: dimension, metric: .squaredEuclidean), vectors)
    let segments = [ExactSegment(codes: coded.view)]
    let fixture = try DeviceFixture()
    let held = try #require(
      DeviceSet(segments, dimension: dimension, metric: .squaredEuclidean, on: fixture.use))
    // 4,500 are more than the device gives.
    for (queryCount, k, bits) in [(10, 3, true), (8, 10, true), (7, 3, false), (8, 4500, false)] {
      let (hits, report) = ExactSearch.reported(
        queries: queries, queryCount: queryCount, dimension: dimension, metric: .squaredEuclidean,
        segments: segments, held: held, k: k, parallel: .serial)
      #expect((report.deviceBits != nil) == bits, "\(queryCount) queries, k \(k)")
      let expected = ExactSearch.search(
        queries: queries, queryCount: queryCount, dimension: dimension, metric: .squaredEuclidean,
        segments: segments, k: k)
      #expect(hits == expected)
    }
  }

  @Test("few queries stay on the CPU", arguments: [0, 1, 7])
  func fewQueries(queryCount: Int) throws {
    let coded = CodedVectors(.identity(dimension: 4, metric: .cosine), [Float](repeating: 1, count: 400))
    let fixture = try DeviceFixture()
    let hits = ExactSearch.search(
      queries: [Float](repeating: 1, count: 28), queryCount: queryCount, dimension: 4, metric: .cosine,
      segments: [ExactSegment(codes: coded.view)], k: 3, parallel: fixture.parallel)
    #expect(hits.count == queryCount)
    #expect(fixture.device.counts.calls == 0)
  }

  @Test(
    "search of bits has the CPU's hits, ties included",
    arguments: [(1, 1), (1, 127), (3, 128), (8, 129), (33, 700), (96, 300), (96, 3000)])
  func bits(size: (bytes: Int, rows: Int)) throws {
    let (bytes, count) = size
    var random = SeededGenerator(seed: UInt64(bytes))
    func vectors(_ count: Int) -> [UInt8] {
      (0..<count * bytes).map { _ in
        UInt8.random(in: 0...255, using: &random) & UInt8(random.next() & random.next() & 0xFF)
      }
    }
    // Rows with three bytes between them.
    let rows = vectors(count)
    let strided = (0..<count).flatMap { row -> [UInt8] in
      Array(rows[row * bytes..<(row + 1) * bytes]) + [255, 255, 255]
    }
    let queries = vectors(4) + [UInt8](repeating: 0, count: bytes)
    let words = (0...count / 64).map { _ in random.next() }
    let fixture = try DeviceFixture()
    for (limit, isFiltered) in [(1, false), (10, true), (count + 1, false)] {
      func search(_ device: DeviceUse?) -> [[Neighbor]] {
        strided.withUnsafeBytes { rows in
          words.withUnsafeBufferPointer { words in
            BinarySearch.search(
              queries: queries, queryCount: 5,
              rows: BinaryRows(rows: rows.baseAddress!, stride: bytes + 3, rowBytes: bytes, count: count),
              metric: .hamming, k: limit, live: isFiltered ? LiveRows(words: words.baseAddress) : .all,
              device: device)
          }
        }
      }
      let found = fixture.expectWork("limit \(limit)") { search(fixture.use) }
      #expect(found == search(nil), "seed \(random.seed), limit \(limit)")
    }
  }

  @Test("Jaccard and single queries of bits stay on the CPU")
  func bitsOnTheCPU() throws {
    let fixture = try DeviceFixture()
    let bytes: [UInt8] = [1, 2, 3, 4]
    bytes.withUnsafeBytes { rows in
      let rows = BinaryRows(rows: rows.baseAddress!, stride: 1, rowBytes: 1, count: 4)
      _ = BinarySearch.search(
        queries: bytes, queryCount: 4, rows: rows, metric: .jaccard, k: 2, device: fixture.use)
      _ = BinarySearch.search(
        queries: bytes, queryCount: 1, rows: rows, metric: .hamming, k: 2, device: fixture.use)
    }
    #expect(fixture.device.counts.calls == 0)
  }
}
