import Foundation
import MoultModel
import MoultTesting
import Testing

@testable import MoultCompute

@Suite("IVFIndex")
struct IVFIndexTests {
  @Test(
    "with all lists probed the answer is that of the flat scan",
    arguments: Metric.allCases, [Quantization.none, .int8, .binary, .lloyd4, .osq4])
  func allListsAreFlat(metric: Metric, quantization: Quantization) throws {
    let data = ClusteredVectors(count: 700, queryCount: 20, seed: 51)
    let fixture = try GraphFixture(
      data.vectors, dimension: data.dimension, metric: metric, quantization: quantization)
    let file = try fixture.lists(listCount: 40)
    for query in data.queries {
      let flat = FlatIndex.search(
        encoder: fixture.encoder, query: fixture.encoder.prepare(query), codes: fixture.codes, live: .all,
        k: 12)
      for breadth in [40, 1000] {
        #expect(fixture.search(file.vectorIndex, query, k: 12, breadth: breadth) == flat)
      }
    }
    try expectBlocksAreFlat(fixture, file.index, data.queries)
  }

  @Test("so it is for codes that are scanned in two stages", arguments: Metric.allCases)
  func allListsAreFlatInTwoStages(metric: Metric) throws {
    let vectors = SampleVectors.base(1500)
    let queries = SampleVectors.queries(40)
    let encoder = try VectorEncoder.train(
      specification: EncodingSpecification(quantization: .segmented, bits: 3), dimension: 384, metric: metric,
      sample: vectors, sampleCount: 1500, seed: 1)
    let fixture = try GraphFixture(vectors, dimension: 384, metric: metric)
    let file = try fixture.lists()
    try withUnsafeTemporaryAllocation(byteCount: 1500 * encoder.bytesPerVector + 64, alignment: 64) {
      let rows = $0.baseAddress!
      let side = rows + 1500 * encoder.rowBytes / 64 * 64 + 64
      #expect(side + 1500 * encoder.sideBytes <= rows + $0.count)
      encoder.encode(vectors, count: 1500, rows: rows, side: side)
      let codes = CodeView(
        rows: rows, rowStride: encoder.rowBytes, side: side, sideStride: encoder.sideBytes, count: 1500)
      let blocks = try #require(BlockCodes(encoder: encoder, codes: codes, sketchedFrom: .max))
      let lists = try #require(IVFCodes(index: file.index, encoder: encoder, codes: codes))
      let flat = FlatIndex.search(
        queries: queries, queryCount: 40, codes: blocks, k: 10, tailDeviations: .infinity)
      let found = file.index.search(
        queries: queries, queryCount: 40, codes: lists, k: 10, probes: file.index.listCount,
        tailDeviations: .infinity)
      #expect(found == flat)
    }
  }

  private func expectBlocksAreFlat(
    _ fixture: GraphFixture, _ index: IVFIndex, _ queries: [[Float]], live: LiveRows = .all, k: Int = 12
  ) throws {
    let lists = IVFCodes(
      index: index, encoder: fixture.encoder, codes: fixture.codes, parallel: GraphFixture.threads)
    let blocks = BlockCodes(encoder: fixture.encoder, codes: fixture.codes, sketchedFrom: .max)
    #expect((lists == nil) == (blocks == nil))
    guard let lists, let blocks else { return }
    let all = queries.flatMap { $0 }
    let flat = FlatIndex.search(
      queries: all, queryCount: queries.count, codes: blocks, live: live, k: k, tailDeviations: .infinity)
    let found = index.search(
      queries: all, queryCount: queries.count, codes: lists, live: live, k: k, probes: index.listCount + 1,
      tailDeviations: .infinity)
    #expect(found == flat)
  }

  @Test("a batch answers as its queries do one by one")
  func batchesAreSingles() throws {
    let data = ClusteredVectors(count: 2000, queryCount: 300, seed: 52)
    let fixture = try GraphFixture(data.vectors, dimension: data.dimension, quantization: .int8)
    let file = try fixture.lists(listCount: 100)
    let codes = try #require(
      IVFCodes(index: file.index, encoder: fixture.encoder, codes: fixture.codes))
    let all = data.queries.flatMap { $0 }
    for probes in [1, 2, 7] {
      let batch = file.index.search(queries: all, queryCount: 300, codes: codes, k: 5, probes: probes)
      let singles = data.queries.map {
        file.index.search(queries: $0, queryCount: 1, codes: codes, k: 5, probes: probes)[0]
      }
      #expect(batch == singles)
      // Rows scored where they lie are the same but for the rounding of the scores.
      for (query, found) in zip(data.queries, batch) {
        let gathered = fixture.search(file.vectorIndex, query, k: 5, breadth: probes)
        #expect(zip(gathered, found).allSatisfy { abs($0.score - $1.score) < 1e-4 })
      }
    }
    #expect(file.index.search(queries: all, queryCount: 0, codes: codes, k: 5, probes: 3).isEmpty)
  }

  @Test("recall rises with the lists probed and reaches 99 % on real embeddings")
  func recallOnWordnet() throws {
    let sample = WordNetSample.shared
    let fixture = try GraphFixture(sample.base, dimension: 384)
    let file = try fixture.lists(seed: 1, parallel: GraphFixture.threads)
    #expect(file.index.listCount == 400)
    let recalls = [1, 4, 16, 64, 200, 400].map { probes in
      let hits = zip(sample.queryVectors, sample.truth).map { query, truth in
        fixture.search(file.vectorIndex, query, breadth: probes).count {
          truth.prefix(10).contains(Int64($0.row))
        }
      }
      return Double(hits.reduce(0, +)) / 2000
    }
    #expect(recalls == recalls.sorted(), "\(recalls)")
    #expect(recalls[2] >= 0.8 && recalls[4] >= 0.99 && recalls[5] >= 0.999, "\(recalls)")
  }

  @Test("many lists are found by way of their groups")
  func groups() throws {
    let data = ClusteredVectors(count: 12_000, clusterCount: 200, queryCount: 100, seed: 53)
    let fixture = try GraphFixture(data.vectors, dimension: data.dimension)
    let file = try fixture.lists(listCount: 6000, parallel: GraphFixture.threads)
    #expect(file.index.groups.count == 94)
    var found = 0
    for query in data.queries {
      let truth = Set(fixture.nearest(query).map(\.row))
      found += fixture.search(file.vectorIndex, query, breadth: 100).count { truth.contains($0.row) }
    }
    #expect(found >= 900, "\(found) of 1000")
  }

  @Test(
    "dead rows are never returned, and live ones are searched for until there are k",
    arguments: Metric.allCases)
  func liveRows(metric: Metric) throws {
    let data = ClusteredVectors(count: 900, queryCount: 15, seed: 54)
    let fixture = try GraphFixture(
      data.vectors, dimension: data.dimension, metric: metric, quantization: .int8)
    let file = try fixture.lists(listCount: 30)
    let codes = try #require(
      IVFCodes(index: file.index, encoder: fixture.encoder, codes: fixture.codes))
    for modulus in [2, 7, 100, 450, 1000] {
      let bitmap = RowBitmap(count: 900) { $0 % modulus == 1 }
      for query in data.queries {
        let truth = fixture.nearest(query, k: 10) { $0 % modulus == 1 }
        #expect(fixture.search(file.vectorIndex, query, breadth: 30, live: bitmap.live) == truth)
        for probes in [1, 5] {
          let found = fixture.search(file.vectorIndex, query, breadth: probes, live: bitmap.live)
          let scanned = file.index.search(
            queries: query, queryCount: 1, codes: codes, live: bitmap.live, k: 10, probes: probes)[0]
          #expect(found.count == min(10, bitmap.count) && scanned.count == found.count)
          #expect((found + scanned).allSatisfy { Int($0.row) % modulus == 1 })
          #expect(Set(found.map(\.row)).count == found.count)
        }
      }
      try expectBlocksAreFlat(fixture, file.index, data.queries, live: bitmap.live, k: 10)
    }
  }

  @Test("few rows, or none", arguments: Metric.allCases, [0, 1, 2, 3, 17, 100])
  func tiny(metric: Metric, count: Int) throws {
    var random = SeededGenerator(seed: UInt64(count))
    let fixture = try GraphFixture(
      random.gaussianFloats(count: 5 * count), dimension: 5, metric: metric,
      quantization: count == 0 ? .none : .int8)
    for listCount in [nil, 1, 2, 50] as [Int?] {
      let file = try fixture.lists(listCount: listCount)
      #expect(file.index.listCount <= count)
      for k in [0, 1, 10, 1000] {
        let query = random.gaussianFloats(count: 5)
        #expect(fixture.search(file.vectorIndex, query, k: k, breadth: 50) == fixture.nearest(query, k: k))
        #expect(fixture.search(file.vectorIndex, query, k: k, breadth: 1).count == min(k, count))
        if count > 0 { try expectBlocksAreFlat(fixture, file.index, [query, query], k: k) }
      }
    }
  }

  @Test("every index of a protocol answers alike when it looks at everything")
  func oneProtocol() throws {
    let data = ClusteredVectors(count: 300, queryCount: 10, seed: 55)
    let fixture = try GraphFixture(data.vectors, dimension: data.dimension, quantization: .int8)
    let (graph, lists) = (try fixture.graph(), try fixture.lists())
    let indexes: [any VectorIndex] = [
      FlatVectorIndex(rowCount: 300), GraphVectorIndex(graph.graph), lists.vectorIndex,
    ]
    let bitmap = RowBitmap(count: 300) { $0 % 3 != 0 }
    for query in data.queries {
      for live in [LiveRows.all, bitmap.live] {
        let truth = fixture.nearest(query, where: live.contains)
        for index in indexes {
          #expect(index.rowCount == 300)
          #expect(fixture.search(index, query, breadth: 300, live: live) == truth)
        }
      }
    }
  }
  @Test("where few rows are live, or all near ones are dead, more lists are looked into, and recall stays")
  func widening() throws {
    let data = ClusteredVectors(count: 6_000, clusterCount: 100, queryCount: 60, seed: 56)
    let fixture = try GraphFixture(data.vectors, dimension: data.dimension, quantization: .int8)
    let file = try fixture.lists(listCount: 200, parallel: GraphFixture.threads)
    let codes = try #require(IVFCodes(index: file.index, encoder: fixture.encoder, codes: fixture.codes))
    var found = (few: 0, far: 0)
    for query in data.queries {
      let few = RowBitmap(count: 6_000) { $0 % 10 == 3 }
      // The half that is farther away.
      let near = Set(fixture.nearest(query, k: 3_000).map(\.row))
      let far = RowBitmap(count: 6_000) { !near.contains(UInt32($0)) }
      for (bitmap, isFew) in [(few, true), (far, false)] {
        #expect(bitmap.live.count(of: 6_000) == bitmap.count)
        let truth = Set(fixture.nearest(query, k: 10, where: bitmap.live.contains).map(\.row))
        let answer = file.index.search(
          queries: query, queryCount: 1, codes: codes, live: bitmap.live, k: 10, probes: 30)[0]
        let hits = answer.count { truth.contains($0.row) }
        if isFew { found.few += hits } else { found.far += hits }
      }
    }
    #expect(found.few >= 540 && found.far >= 400, "\(found) of 600 each")
  }
}
