import MoultModel
import MoultTesting
import Testing

@testable import MoultCompute

/// Batches over blocks against one row after the other.
@Suite("Block search")
struct BlockSearchTests {
  /// Scores row by row, with the same query; base and clamp included.
  private func expected(_ coded: CodedVectors, _ query: [Float], live: LiveRows, k: Int) -> [Neighbor] {
    FlatIndex.search(
      encoder: coded.encoder, query: coded.encoder.prepare(query), codes: coded.view, live: live, k: k)
  }

  /// The scores are `expected`'s, and so are the rows, but for those that tie with the last one: what ranks
  /// them is their score without the query's base, which rounds less.
  private func expectSame(_ hits: [Neighbor], _ expected: [Neighbor], _ comment: String) {
    #expect(hits.map(\.score) == expected.map(\.score), "\(comment)")
    let last = expected.last?.score ?? 0
    #expect(hits.filter { $0.score > last } == expected.filter { $0.score > last }, "\(comment)")
    #expect(Set(hits.map(\.row)).count == hits.count, "\(comment)")
  }

  @Test(
    "finds what scoring every row finds", arguments: CodeCase.levelCoded, Metric.allCases)
  func equalsRows(code: CodeCase, metric: Metric) throws {
    for (dimension, count) in [(3, 17), (33, 100), (100, 47), (384, 150)] {
      let fixture = try CodeFixture(code, metric: metric, dimension: dimension)
      let coded = CodedVectors(fixture.encoder, Array(fixture.vectors[..<(count * dimension)]))
      let blocks = try #require(
        BlockCodes(encoder: fixture.encoder, codes: coded.view, parallel: .threads))
      #expect(blocks.count == count)
      let quantizer = fixture.encoder.quantizer
      // int8 and binary codes round queries another way when they score rows.
      let rounding: Double =
        switch code.quantization {
        case .int8: 1e-3
        case .binary: 0.02
        default: 0
        }
      var random = SeededGenerator(seed: UInt64(count))
      let words = (0..<(count + 63) / 64).map { _ in random.next() }
      let hasTail = (quantizer as? LevelQuantizer).map { $0.headZoneCount < $0.layout.zones.count } ?? false
      for queryCount in [1, 3, 16, 40] {
        let queries = (0..<queryCount).map {
          $0 < 6 ? fixture.queries[$0] : fixture.seen(($0 * 5) % count).map { $0 * 1.01 + 0.003 }
        }
        words.withUnsafeBufferPointer { words in
          for (k, live) in [(10, LiveRows.all), (1, LiveRows(words: words.baseAddress)), (count + 5, .all)] {
            let found = FlatIndex.search(
              queries: queries.flatMap { $0 }, queryCount: queryCount, codes: blocks, live: live, k: k,
              tailDeviations: .infinity, parallel: .threads)
            #expect(found.count == queryCount)
            for (query, hits) in zip(queries, found) {
              let comment = "\(dimension) × \(count), \(queryCount) queries, k \(k)"
              let expected = expected(coded, query, live: live, k: k)
              if rounding == 0 && !hasTail {
                expectSame(hits, expected, comment)
              } else {
                let scale = hits.map { abs(Double($0.score)) }.max() ?? 0
                let bound = (hasTail ? 1e-5 : rounding) * max(1, scale + pow2(norm(query)))
                #expect(hits.count == expected.count)
                for (hit, expected) in zip(hits, expected) {
                  #expect(abs(Double(hit.score) - Double(expected.score)) <= bound, "\(comment)")
                  #expect(live.contains(Int(hit.row)))
                }
              }
            }
          }
        }
      }
    }
  }

  /// 5,000 rows, of which the scan takes 64 in every 1,024 to guess its first bars from.
  @Test(
    "bars guessed from a sample change nothing, not even where the sample holds the best rows",
    arguments: [0, 20], [10, 40])
  func startBars(nearRows: Int, k: Int) throws {
    let (dimension, count, queryCount) = (256, 5000, 12)
    var random = SeededGenerator(seed: 77)
    var vectors = random.gaussianFloats(count: count * dimension)
    for i in vectors.indices { vectors[i] /= 1 + Float(i % dimension) / 8 }
    var queries = Array(vectors[(4000 * dimension)..<((4000 + queryCount) * dimension)])
    for i in queries.indices { queries[i] += 0.1 * queries[(i + 1) % queries.count] }
    // Copies of the first query among the first rows: the guess is above what the rest can reach.
    for row in 0..<nearRows {
      for j in 0..<dimension { vectors[row * dimension + j] = 3 * queries[j] + Float(row) * 1e-3 }
    }
    let encoder = try VectorEncoder.trained(
      EncodingSpecification(quantization: .segmented, bits: 3), dimension: dimension, metric: .innerProduct,
      on: vectors)
    let coded = CodedVectors(encoder, vectors)
    let blocks = try #require(BlockCodes(encoder: encoder, codes: coded.view))
    #expect(blocks.blocks.tail != nil)
    var words = [UInt64](repeating: .max, count: (count + 63) / 64)
    for row in stride(from: 0, to: count, by: 7) { words[row / 64] &= ~(1 << UInt64(row % 64)) }
    words.withUnsafeBufferPointer { words in
      let live = LiveRows(words: words.baseAddress!)
      let hits = FlatIndex.search(
        queries: queries, queryCount: queryCount, codes: blocks, live: live, k: k, tailDeviations: .infinity)
      for query in 0..<queryCount {
        let prepared = encoder.prepare(Array(queries[query * dimension..<(query + 1) * dimension]))
        let expected = FlatIndex.search(
          encoder: encoder, query: prepared, codes: coded.view, live: live, k: k)
        #expect(hits[query].count == k)
        for (hit, row) in zip(hits[query], expected) {
          #expect(abs(hit.score - row.score) <= 1e-4 * max(1, abs(row.score)))
        }
        #expect(Set(hits[query].map(\.row)).intersection(expected.map(\.row)).count >= k - 1)
      }
    }
  }

  @Test("some codes have a tail, and what the default leaves out is little")
  func tails() throws {
    let fixture = try CodeFixture(
      CodeCase(quantization: .segmented, bits: 2), metric: .innerProduct, dimension: 384)
    let level = try #require(fixture.encoder.quantizer as? LevelQuantizer)
    #expect(level.headZoneCount < level.layout.zones.count)
    let blocks = try #require(BlockCodes(encoder: fixture.encoder, codes: fixture.coded.view))
    let queries = fixture.queries.flatMap { $0 }
    func rows(_ deviations: Float) -> [Set<UInt32>] {
      FlatIndex.search(
        queries: queries, queryCount: 6, codes: blocks, k: 10, tailDeviations: deviations
      ).map { Set($0.map(\.row)) }
    }
    let all = rows(.infinity)
    let some = rows(FlatIndex.tailDeviations)
    #expect(zip(all, some).reduce(0) { $0 + $1.0.intersection($1.1).count } >= 58)
  }

  @Test(
    "a query that is the centre, and rows that are, lose nothing", arguments: [2.0, 4.0], Metric.allCases)
  func centreItself(bits: Double, metric: Metric) throws {
    let fixture = try CodeFixture(
      CodeCase(quantization: .segmented, bits: bits), metric: metric, dimension: 384)
    let level = try #require(fixture.encoder.quantizer as? LevelQuantizer)
    let centre = level.centre.values
    let vectors = centre + fixture.vectors[384..<(20 * 384)] + centre
    let coded = CodedVectors(fixture.encoder, vectors)
    let blocks = try #require(BlockCodes(encoder: fixture.encoder, codes: coded.view))
    for deviations in [0, 8, Float.infinity] {
      let hits = FlatIndex.search(
        queries: centre + fixture.queries[0], queryCount: 2, codes: blocks, k: 100, tailDeviations: deviations
      )
      #expect(hits.map(\.count) == [21, 21])
      #expect(hits.allSatisfy { Set($0.map(\.row)).count == 21 })
    }
  }

  @Test("many parts, more queries than a batch, and no rows at all")
  func sizes() throws {
    var random = SeededGenerator(seed: 11)
    let count = 140_001
    let vectors = random.floats(count: count * 3)
    let encoder = try VectorEncoder.trained(
      EncodingSpecification(quantization: .lloyd2), dimension: 3, metric: .innerProduct,
      on: Array(vectors[..<900]))
    let coded = CodedVectors(encoder, vectors)
    let blocks = try #require(BlockCodes(encoder: encoder, codes: coded.view, parallel: .threads))
    let queries = random.floats(count: 3 * 3)
    let serial = FlatIndex.search(queries: queries, queryCount: 3, codes: blocks, k: 50)
    let threaded = FlatIndex.search(queries: queries, queryCount: 3, codes: blocks, k: 50, parallel: .threads)
    #expect(serial == threaded)
    for (query, hits) in serial.enumerated() {
      expectSame(
        hits, expected(coded, Array(queries[3 * query..<3 * query + 3]), live: .all, k: 50), "\(query)")
    }

    let few = CodedVectors(encoder, Array(vectors[..<57]))
    let fewBlocks = try #require(BlockCodes(encoder: encoder, codes: few.view))
    let many = random.floats(count: 300 * 3)
    let found = FlatIndex.search(queries: many, queryCount: 300, codes: fewBlocks, k: 4)
    #expect(found.count == 300)
    for query in [0, 127, 128, 255, 256, 299] {
      expectSame(found[query], expected(few, Array(many[3 * query..<3 * query + 3]), live: .all, k: 4), "")
    }
    #expect(FlatIndex.search(queries: many, queryCount: 2, codes: fewBlocks, k: 0) == [[], []])
    #expect(FlatIndex.search(queries: many, queryCount: 0, codes: fewBlocks, k: 3).isEmpty)

    let none = try #require(BlockCodes(encoder: encoder, codes: CodedVectors(encoder, []).view))
    #expect(FlatIndex.search(queries: many, queryCount: 2, codes: none, k: 3) == [[], []])
  }

  @Test("blocks take what they say", arguments: CodeCase.levelCoded)
  func size(code: CodeCase) throws {
    let fixture = try CodeFixture(code, metric: .cosine, dimension: 100)
    let blocks = try #require(BlockCodes(encoder: fixture.encoder, codes: fixture.coded.view))
    // Rows filled up to whole segments, and two floats.
    #expect(blocks.bytesPerVector >= fixture.encoder.rowBytes + 8)
    #expect(blocks.bytesPerVector < fixture.encoder.rowBytes + 8 + 32)
  }

  @Test("floats have no blocks")
  func floats() {
    let coded = CodedVectors(.identity(dimension: 3, metric: .cosine), [1, 2, 3])
    #expect(BlockCodes(encoder: coded.encoder, codes: coded.view) == nil)
  }
}

private func pow2(_ x: Double) -> Double { x * x }
