import MoultModel
import MoultTesting
import Testing

@testable import MoultCompute

/// Scans of sketches against scoring one row after the other.
@Suite("Sketch search")
struct SketchSearchTests {
  /// Rows whose variances fall, so that codes have a tail; the queries are near some of them.
  private struct Fixture {
    static let dimension = 256
    let encoder: VectorEncoder
    let coded: CodedVectors
    let blocks: BlockCodes
    let queries: [Float]
    let queryCount = 12

    init(
      bits: Double = 4, metric: Metric = .innerProduct, count: Int = 5000,
      edit: (inout [Float], _ queries: [Float]) -> Void = { _, _ in }
    ) throws {
      let dimension = Fixture.dimension
      var random = SeededGenerator(seed: 78)
      var vectors = random.gaussianFloats(count: count * dimension)
      for i in vectors.indices { vectors[i] /= 1 + Float(i % dimension) / 8 }
      var queries = Array(vectors[(count / 2 * dimension)..<((count / 2 + queryCount) * dimension)])
      for i in queries.indices { queries[i] += 0.1 * queries[(i + 1) % queries.count] }
      edit(&vectors, queries)
      encoder = try VectorEncoder.trained(
        EncodingSpecification(quantization: .segmented, bits: bits), dimension: dimension, metric: metric,
        on: Array(vectors.prefix(2048 * dimension)))
      coded = CodedVectors(encoder, vectors)
      blocks = try #require(
        BlockCodes(encoder: encoder, codes: coded.view, sketchedFrom: 0, parallel: .threads))
      self.queries = queries
    }

    func found(live: LiveRows = .all, k: Int, tailDeviations: Float = FlatIndex.tailDeviations)
      -> [[Neighbor]]
    {
      FlatIndex.search(
        queries: queries, queryCount: queryCount, codes: blocks, live: live, k: k,
        tailDeviations: tailDeviations, parallel: .threads)
    }

    func expected(_ query: Int, live: LiveRows = .all, k: Int) -> [Neighbor] {
      let one = Array(queries[query * Fixture.dimension..<(query + 1) * Fixture.dimension])
      return FlatIndex.search(
        encoder: encoder, query: encoder.prepare(one), codes: coded.view, live: live, k: k)
    }
  }

  @Test(
    "with no bound on deviations the scores are those of every row, to the bit", arguments: [2.0, 4],
    Metric.allCases)
  func equalsRows(bits: Double, metric: Metric) throws {
    let fixture = try Fixture(bits: bits, metric: metric)
    #expect(fixture.blocks.sketches != nil && fixture.blocks.count == 5000)
    var words = [UInt64](repeating: .max, count: 79)
    for row in stride(from: 0, to: 5000, by: 7) { words[row / 64] &= ~(1 << UInt64(row % 64)) }
    words.withUnsafeBufferPointer { words in
      for (k, live) in [(10, LiveRows.all), (1, LiveRows(words: words.baseAddress)), (5005, .all)] {
        let found = fixture.found(live: live, k: k, tailDeviations: .infinity)
        for query in 0..<fixture.queryCount {
          let expected = fixture.expected(query, live: live, k: k)
          #expect(found[query].map(\.score) == expected.map(\.score), "k \(k)")
          #expect(Set(found[query].map(\.row)).count == expected.count)
          #expect(found[query].allSatisfy { live.contains(Int($0.row)) })
        }
      }
    }
  }

  @Test("what the default leaves out is little", arguments: [2.0, 4], Metric.allCases)
  func defaultDeviations(bits: Double, metric: Metric) throws {
    let fixture = try Fixture(bits: bits, metric: metric)
    let found = fixture.found(k: 10)
    let kept = (0..<fixture.queryCount).reduce(0) { sum, query in
      sum + Set(found[query].map(\.row)).intersection(fixture.expected(query, k: 10).map(\.row)).count
    }
    #expect(found.allSatisfy { $0.count == 10 })
    #expect(kept >= 118)
  }

  @Test("a first bar that too few rows reach is given up", arguments: [20, 40])
  func startBars(nearRows: Int) throws {
    // Copies of the first query among the first rows, which are the sample.
    let fixture = try Fixture { vectors, queries in
      for row in 0..<nearRows {
        for j in 0..<Fixture.dimension {
          vectors[row * Fixture.dimension + j] = 3 * queries[j] + Float(row) * 1e-3
        }
      }
    }
    let hits = fixture.found(k: 60)
    let expected = fixture.expected(0, k: 60)
    #expect(hits.allSatisfy { $0.count == 60 })
    #expect(Set(hits[0].map(\.row)).intersection(expected.map(\.row)).count >= 59)
  }

  @Test("few live rows are all found")
  func fewLive() throws {
    let fixture = try Fixture()
    var words = [UInt64](repeating: 0, count: 79)
    for row in [3, 700, 4000, 4999] { words[row / 64] |= 1 << UInt64(row % 64) }
    words.withUnsafeBufferPointer { words in
      for hits in fixture.found(live: LiveRows(words: words.baseAddress), k: 10) {
        #expect(Set(hits.map(\.row)) == [3, 700, 4000, 4999])
      }
    }
  }

  @Test(
    "rows without terms, rows far from all others and queries that overflow lose nothing",
    arguments: Metric.allCases)
  func oddRows(metric: Metric) throws {
    let dimension = Fixture.dimension
    let fixture = try Fixture(metric: metric) { vectors, _ in
      for j in 0..<dimension {
        vectors[4100 * dimension + j] = 0
        vectors[4200 * dimension + j] *= 1e20
        vectors[4300 * dimension + j] *= 1e-30
        vectors[4400 * dimension + j] *= 50
      }
    }
    let centre = try #require(fixture.encoder.quantizer as? LevelQuantizer).centre.values
    let queries =
      centre + fixture.queries.prefix(dimension).map { $0 * 1e25 } + fixture.queries.prefix(dimension)
    for deviations in [FlatIndex.tailDeviations, .infinity] {
      let hits = FlatIndex.search(
        queries: queries, queryCount: 3, codes: fixture.blocks, k: 5000, tailDeviations: deviations)
      for query in [0, 2] {
        let prepared = fixture.encoder.prepare(Array(queries[query * dimension..<(query + 1) * dimension]))
        let expected = FlatIndex.search(
          encoder: fixture.encoder, query: prepared, codes: fixture.coded.view, live: .all, k: 5000)
        let difference = Set(hits[query].map(\.row)).symmetricDifference(expected.map(\.row))
        #expect(difference.isEmpty, "query \(query), deviations \(deviations)")
      }
      // What scores overflow to is not told; that rows are found, and once, is.
      #expect(!hits[1].isEmpty && Set(hits[1].map(\.row)).count == hits[1].count)
    }
  }

  @Test("several parts give the same on one thread as on many")
  func parts() throws {
    let (dimension, count) = (96, 70_001)
    var random = SeededGenerator(seed: 12)
    var vectors = random.floats(count: count * dimension)
    for i in vectors.indices { vectors[i] /= 1 + Float(i % dimension) / 4 }
    let encoder = try VectorEncoder.trained(
      EncodingSpecification(quantization: .segmented, bits: 4), dimension: dimension, metric: .innerProduct,
      on: Array(vectors.prefix(1000 * dimension)))
    let coded = CodedVectors(encoder, vectors)
    let blocks = try #require(
      BlockCodes(encoder: encoder, codes: coded.view, sketchedFrom: 0, parallel: .threads))
    #expect(blocks.sketches != nil)
    let queries = random.floats(count: 5 * dimension)
    let serial = FlatIndex.search(queries: queries, queryCount: 5, codes: blocks, k: 30)
    let threaded = FlatIndex.search(queries: queries, queryCount: 5, codes: blocks, k: 30, parallel: .threads)
    #expect(serial == threaded)
    for query in 0..<5 {
      let prepared = encoder.prepare(Array(queries[query * dimension..<(query + 1) * dimension]))
      let expected = FlatIndex.search(encoder: encoder, query: prepared, codes: coded.view, live: .all, k: 30)
      #expect(Set(serial[query].map(\.row)).intersection(expected.map(\.row)).count >= 29)
    }
  }
}
