import MoultModel
import MoultTesting
import Testing

@testable import MoultCompute

@Suite("GraphGuide")
struct GraphGuideTests {
  @Test("what a guide scores is close to what it stands for", arguments: Metric.allCases, [1, 2])
  func closeToExact(metric: Metric, lines: Int) throws {
    let data = ClusteredVectors(count: 2000, queryCount: 20, seed: 31)
    let fixture = try GraphFixture(data.vectors, dimension: data.dimension, metric: metric)
    let basis = try #require(GuideBasis(encoder: fixture.encoder, codes: fixture.codes))
    let guide = GraphGuide(basis: basis, codes: fixture.codes, lines: lines, parallel: .serial)
    let rows = (0..<2000).map(UInt32.init)
    for query in data.queries {
      var exact = [Float](repeating: 0, count: 2000)
      var rough = exact
      fixture.encoder.score(
        fixture.encoder.prepare(query), fixture.codes, indices: rows, count: 2000, into: &exact)
      guide.prepare(query).score(indices: rows, count: 2000, into: &rough)
      #expect(correlation(exact, rough) > 0.99, "\(metric), \(lines) lines")
    }
  }

  @Test("a row as the query scores as the vector that it stands for", arguments: Metric.allCases)
  func rowsAsQueries(metric: Metric) throws {
    let data = ClusteredVectors(count: 1500, seed: 32)
    let fixture = try GraphFixture(data.vectors, dimension: data.dimension, metric: metric)
    let guide = try #require(GraphGuide(encoder: fixture.encoder, codes: fixture.codes))
    let rows = (0..<1500).map(UInt32.init)
    for row in stride(from: 0, to: 1500, by: 150) {
      let d = data.dimension
      var own = [Float](repeating: 0, count: 1500)
      var asVector = own
      guide.prepare(row: row).score(indices: rows, count: 1500, into: &own)
      guide.prepare(Array(data.vectors[row * d..<(row + 1) * d])).score(
        indices: rows, count: 1500, into: &asVector)
      #expect(correlation(own, asVector) > 0.95, "\(metric), row \(row)")
    }
  }

  @Test("the same bytes from any number of threads")
  func sameBytes() throws {
    let data = ClusteredVectors(count: 9000, seed: 33)
    let fixture = try GraphFixture(data.vectors, dimension: data.dimension)
    let backwards = ParallelFor { count, body in
      for index in (0..<count).reversed() { body(index) }
    }
    let one = try #require(GraphGuide(encoder: fixture.encoder, codes: fixture.codes))
    let other = try #require(
      GraphGuide(encoder: fixture.encoder, codes: fixture.codes, parallel: backwards))
    let bytes = 9000 * one.bytesPerVector
    #expect(
      UnsafeRawBufferPointer(start: one.records, count: bytes)
        .elementsEqual(UnsafeRawBufferPointer(start: other.records, count: bytes)))
  }

  @Test("none of few rows, of rows that are all alike, and of too few for their dimensions")
  func none() throws {
    let few = ClusteredVectors(count: 999, seed: 34)
    let fixture = try GraphFixture(few.vectors, dimension: few.dimension)
    #expect(GraphGuide(encoder: fixture.encoder, codes: fixture.codes) == nil)
    let alike = try GraphFixture([Float](repeating: 0.5, count: 4 * 2000), dimension: 4)
    #expect(GraphGuide(encoder: alike.encoder, codes: alike.codes) == nil)
    var random = SeededGenerator(seed: 35)
    let wide = try GraphFixture(random.gaussianFloats(count: 1000 * 256), dimension: 256)
    #expect(GraphGuide(encoder: wide.encoder, codes: wide.codes) == nil)
  }

  @Test("cells are handed out by variance, each once, and none lies in the last eight bytes")
  func layout() {
    let falling: [Float] = (0..<384).map { 1 / Float(1 + $0 * $0) }
    let slowly: [Float] = (0..<300).map { 1 / Float($0 + 1) }
    let level = [Float](repeating: 1, count: 768)
    let cases: [(Int, [Float])] = [(1, falling), (2, level), (1, [3, 2, 1]), (2, slowly)]
    for (lines, variances) in cases {
      let layout = GuideLayout(lines: lines, variances: variances)
      var taken = Set<Int>()
      for direction in 0..<layout.count {
        let (byte, shift) = layout.place(of: direction)
        for bit in 0..<(layout.isFine(direction) ? 4 : 2) {
          #expect(taken.insert(8 * byte + shift + bit).inserted)
          #expect(shift + bit < 8 && byte < 64 * lines - 8)
        }
      }
      #expect(layout.fineCount <= layout.count && layout.count <= variances.count)
      let isFull = taken.count == 8 * (64 * lines - 8)
      #expect(isFull || layout.fineCount == variances.count)
    }
  }

  @Test(
    "leads to what codes lead to, with their scores, under any code", arguments: [Quantization.int8, .lloyd4])
  func leads(quantization: Quantization) throws {
    let sample = WordNetSample.shared
    let fixture = try GraphFixture(sample.base, dimension: 384, quantization: quantization)
    let file = try fixture.graph(m: 16, efConstruction: 128)
    let guide = try #require(GraphGuide(encoder: fixture.encoder, codes: fixture.codes))
    func recall(_ search: ([Float]) -> [Neighbor]) -> Double {
      var hits = 0
      for (query, truth) in zip(sample.queryVectors, sample.truth) {
        hits += search(query).count { truth.prefix(10).contains(Int64($0.row)) }
      }
      return Double(hits) / Double(10 * sample.queryVectors.count)
    }
    func search(_ query: [Float], guided: Bool) -> [Neighbor] {
      file.graph.search(
        encoder: fixture.encoder, query: fixture.encoder.prepare(query), codes: fixture.codes, live: .all,
        k: 10, ef: 128, guide: guided ? guide.prepare(query) : nil)
    }
    let plain = recall { search($0, guided: false) }
    let guided = recall { search($0, guided: true) }
    #expect(guided >= plain - 0.01, "\(quantization): \(guided) with guides, \(plain) without")
    let query = sample.queryVectors[0]
    let found = search(query, guided: true)
    let rows = found.map(\.row)
    var scores = [Float](repeating: 0, count: rows.count)
    fixture.encoder.score(
      fixture.encoder.prepare(query), fixture.codes, indices: rows, count: rows.count, into: &scores)
    #expect(found.map(\.score) == scores)
    #expect(found == found.sorted())
  }

  @Test("dead rows are walked through and not returned")
  func deadRows() throws {
    let data = ClusteredVectors(count: 2000, queryCount: 25, seed: 36)
    let fixture = try GraphFixture(data.vectors, dimension: data.dimension)
    let file = try fixture.graph()
    let guide = try #require(GraphGuide(encoder: fixture.encoder, codes: fixture.codes))
    let words = (0..<32).map { _ in UInt64(0x1111_1111_1111_1111) }
    words.withUnsafeBufferPointer { words in
      let live = LiveRows(words: words.baseAddress)
      for query in data.queries {
        let found = file.graph.search(
          encoder: fixture.encoder, query: fixture.encoder.prepare(query), codes: fixture.codes, live: live,
          k: 10, ef: 64, guide: guide.prepare(query))
        #expect(found.count == 10)
        #expect(found.allSatisfy { live.contains(Int($0.row)) })
      }
    }
  }

  private func correlation(_ a: [Float], _ b: [Float]) -> Double {
    let n = Double(a.count)
    let (meanA, meanB) = (a.reduce(0.0) { $0 + Double($1) } / n, b.reduce(0.0) { $0 + Double($1) } / n)
    var (ab, aa, bb) = (0.0, 0.0, 0.0)
    for (x, y) in zip(a, b) {
      ab += (Double(x) - meanA) * (Double(y) - meanB)
      aa += (Double(x) - meanA) * (Double(x) - meanA)
      bb += (Double(y) - meanB) * (Double(y) - meanB)
    }
    return ab / (aa * bb).squareRoot()
  }
}
