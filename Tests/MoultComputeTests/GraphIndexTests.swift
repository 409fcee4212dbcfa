import Foundation
import MoultModel
import MoultTesting
import Testing

@testable import MoultCompute

@Suite("GraphIndex")
struct GraphIndexTests {
  @Test("finds 95 % of the nearest on clustered data, and a wider beam finds no less")
  func recallOnClusters() throws {
    let data = ClusteredVectors(count: 3000, seed: 11)
    let fixture = try GraphFixture(data.vectors, dimension: data.dimension)
    let file = try fixture.graph()
    let recalls = [16, 32, 64, 128, 256].map {
      fixture.recall(of: file.graph, queries: data.queries, ef: $0)
    }
    #expect(recalls[3] >= 0.95, "recall@10 at ef 16 … 256: \(recalls), seed 11")
    for (narrow, wide) in zip(recalls, recalls.dropFirst()) {
      #expect(wide >= narrow - 0.01, "recall@10 at ef 16 … 256: \(recalls), seed 11")
    }
  }

  @Test("finds 97 % of the true neighbours of real embeddings at ef 128, over a graph of any code")
  func recallOnWordnet() throws {
    let sample = WordNetSample.shared
    let exact = try GraphFixture(sample.base, dimension: 384)
    let file = try exact.graph(m: 16, efConstruction: 128)
    #expect(file.graph.reachableRowCount() == 10_000)

    func recall(_ answers: [[Neighbor]]) -> Double {
      let hits = zip(answers, sample.truth).map { answer, truth in
        answer.prefix(10).count { truth.prefix(10).contains(Int64($0.row)) }
      }
      return Double(hits.reduce(0, +)) / 2000
    }
    let floats = recall(sample.queryVectors.map { exact.search(file.graph, $0, ef: 128) })
    #expect(floats >= 0.97)

    // The same edges under other codes; candidates are rescored with the vectors.
    for (quantization, oversampling) in [(Quantization.int8, 2), (.binary, 10)] {
      let coded = try GraphFixture(sample.base, dimension: 384, quantization: quantization)
      let rescored = recall(
        sample.queryVectors.map { query in
          let candidates = coded.search(file.graph, query, k: 10 * oversampling, ef: 128)
          let prepared = exact.encoder.prepare(query)
          let rows = candidates.map(\.row)
          var scores = [Float](repeating: 0, count: rows.count)
          exact.encoder.score(prepared, exact.codes, indices: rows, count: rows.count, into: &scores)
          return zip(rows, scores).map { Neighbor(row: $0, score: $1) }.sorted()
        })
      #expect(rescored >= floats - 0.03, "\(quantization): \(rescored), floats: \(floats)")
    }
  }

  @Test(
    "a beam as wide as a small graph answers as brute force does",
    arguments: Metric.allCases, [0, 1, 2, 3, 17, 100])
  func exactWhenTiny(metric: Metric, count: Int) throws {
    var random = SeededGenerator(seed: UInt64(count))
    // Lengths differ, so that under the inner product some rows are nobody's neighbour.
    let vectors = (0..<count).flatMap { _ in
      let length = random.float(in: 0.1...3)
      return random.unitVector(dimension: 6).map { $0 * length }
    }
    let fixture = try GraphFixture(vectors, dimension: 6, metric: metric)
    let file = try fixture.graph(m: 4)
    #expect(file.graph.rowCount == count)
    #expect(file.graph.reachableRowCount() == count)
    for _ in 0..<10 {
      let query = random.gaussianFloats(count: 6)
      #expect(fixture.search(file.graph, query, k: 5, ef: 200) == fixture.nearest(query, k: 5))
      #expect(fixture.search(file.graph, query, k: 200, ef: 1) == fixture.nearest(query, k: 200))
    }
    #expect(fixture.search(file.graph, random.gaussianFloats(count: 6), k: 0, ef: 10).isEmpty)
  }

  @Test(
    "dead rows are never returned, and k live ones are found among 90 % dead", arguments: [0.0, 0.5, 0.9])
  func deadRows(deadShare: Double) throws {
    let data = ClusteredVectors(count: 2000, queryCount: 25, seed: 12)
    let fixture = try GraphFixture(data.vectors, dimension: data.dimension)
    let file = try fixture.graph()
    var random = SeededGenerator(seed: 13)
    var words = [UInt64](repeating: 0, count: (2000 + 63) / 64)
    for row in 0..<2000 where random.unit() >= deadShare { words[row / 64] |= 1 << UInt64(row % 64) }
    words.withUnsafeBufferPointer { words in
      let live = LiveRows(words: words.baseAddress)
      for query in data.queries {
        let found = fixture.search(file.graph, query, ef: 10, live: live)
        #expect(found.count == 10)
        #expect(found.allSatisfy { live.contains(Int($0.row)) })
        #expect(found == found.sorted())
      }
      let recall = fixture.recall(of: file.graph, queries: data.queries, ef: 64, live: live)
      #expect(recall >= 0.95, "recall@10 with \(deadShare) dead: \(recall)")
    }
  }

  @Test("the few live rows are all found, and none when all are dead")
  func fewLiveRows() throws {
    let data = ClusteredVectors(count: 700, queryCount: 5, seed: 14)
    let fixture = try GraphFixture(data.vectors, dimension: data.dimension)
    let file = try fixture.graph()
    for alive in [[], [0], [3, 64, 699]] {
      var words = [UInt64](repeating: 0, count: 11)
      for row in alive { words[row / 64] |= 1 << UInt64(row % 64) }
      words.withUnsafeBufferPointer { words in
        let live = LiveRows(words: words.baseAddress)
        for query in data.queries {
          let found = fixture.search(file.graph, query, ef: 16, live: live)
          #expect(found.map { Int($0.row) }.sorted() == alive)
        }
      }
    }
  }

  @Test("with all rows live the words make no difference")
  func allLiveWords() throws {
    let data = ClusteredVectors(count: 500, queryCount: 20, seed: 15)
    let fixture = try GraphFixture(data.vectors, dimension: data.dimension)
    let file = try fixture.graph()
    let words = [UInt64](repeating: .max, count: 8)
    words.withUnsafeBufferPointer { words in
      for query in data.queries {
        #expect(
          fixture.search(file.graph, query, ef: 40, live: LiveRows(words: words.baseAddress))
            == fixture.search(file.graph, query, ef: 40))
      }
    }
  }

  @Test("eight tasks at once get the answers that one gets")
  func concurrentSearches() async throws {
    let data = ClusteredVectors(count: 1500, queryCount: 40, seed: 16)
    let fixture = try GraphFixture(data.vectors, dimension: data.dimension)
    let file = try fixture.graph()
    let expected = data.queries.map { fixture.search(file.graph, $0, ef: 50) }
    await withTaskGroup(of: Bool.self) { group in
      for _ in 0..<8 {
        group.addTask {
          (0..<5).allSatisfy { _ in
            data.queries.map { fixture.search(file.graph, $0, ef: 50) } == expected
          }
        }
      }
      for await same in group { #expect(same) }
    }
  }

  @Test("more walks than the visited marks have stamps do not confuse them")
  func stampsWrap() throws {
    let data = ClusteredVectors(count: 200, queryCount: 1, seed: 17)
    let fixture = try GraphFixture(data.vectors, dimension: data.dimension)
    let file = try fixture.graph()
    let expected = fixture.search(file.graph, data.queries[0], ef: 30)
    for _ in 0..<600 {
      #expect(fixture.search(file.graph, data.queries[0], ef: 30) == expected)
    }
  }
}
