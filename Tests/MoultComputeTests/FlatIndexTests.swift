import MoultModel
import MoultTesting
import Testing

@testable import MoultCompute

@Suite("Flat index and rescoring")
struct FlatIndexTests {
  @Test(
    "finds the best scores of the encoder, ties to the smaller row", arguments: Quantization.allCases,
    [1, 511, 512, 513, 1300])
  func equalsSorting(quantization: Quantization, count: Int) throws {
    var random = SeededGenerator(seed: UInt64(count))
    var vectors = random.gaussianFloats(count: count * 20)
    if count > 100 {
      for row in 50..<70 {
        for j in 0..<20 { vectors[row * 20 + j] = vectors[j] }
      }
    }
    let encoder = try VectorEncoder.trained(
      EncodingSpecification(quantization: quantization), dimension: 20, metric: .cosine, on: vectors)
    let coded = CodedVectors(encoder, vectors)
    let words = (0..<(count + 63) / 64).map { _ in random.next() | random.next() }
    words.withUnsafeBufferPointer { words in
      for live in [LiveRows.all, LiveRows(words: words.baseAddress)] {
        for k in [1, 10, 2000] {
          let query = encoder.prepare(Array(vectors[..<20]))
          let expected = coded.scores(query).enumerated()
            .map { Neighbor(row: UInt32($0), score: $1 + 0) }
            .filter { live.contains(Int($0.row)) }.sorted().prefix(k)
          let hits = FlatIndex.search(encoder: encoder, query: query, codes: coded.view, live: live, k: k)
          #expect(hits == Array(expected))
        }
      }
    }
  }

  @Test("a search in parts equals the search of the whole")
  func searchesInParts() {
    var random = SeededGenerator(seed: 3)
    let vectors = random.gaussianFloats(count: 1000 * 8)
    let coded = CodedVectors(.identity(dimension: 8, metric: .squaredEuclidean), vectors)
    let query = coded.encoder.prepare(Array(vectors[..<8]))
    var best = TopK(15)
    for first in [600, 0, 300] {
      let part = coded.view.subview(from: first, count: first == 600 ? 400 : 300)
      FlatIndex.search(
        encoder: coded.encoder, query: query, codes: part, live: .all, firstRow: first, into: &best)
    }
    let whole = FlatIndex.search(
      encoder: coded.encoder, query: query, codes: coded.view, live: .all, k: 15)
    #expect(best.sorted() == whole)
  }

  @Test("rescoring gives exact scores in exact order", arguments: Metric.allCases)
  func rescores(metric: Metric) {
    var random = SeededGenerator(seed: 4)
    let vectors = random.gaussianFloats(count: 300 * 17)
    let query = random.gaussianFloats(count: 17)
    let originals = CodedVectors(.identity(dimension: 17, metric: metric), vectors)
    let candidates = (0..<300).map { Neighbor(row: UInt32($0), score: 0) }.shuffled(using: &random)
    let rescored = Rescoring.rescore(
      candidates: candidates, query: query, originals: originals.view, dimension: 17, metric: metric)
    let exact = ExactSearch.search(
      queries: query, queryCount: 1, dimension: 17, metric: metric,
      segments: [ExactSegment(codes: originals.view)], k: 300)[0]
    #expect(rescored.map { Int64($0.row) } == exact.map(\.row))
    #expect(rescored.map(\.score) == exact.map(\.score))
    #expect(
      Rescoring.rescore(
        candidates: [], query: query, originals: originals.view, dimension: 17, metric: metric
      ).isEmpty)
  }
}
