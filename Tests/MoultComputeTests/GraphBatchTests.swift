import CAllocationCounter
import MoultModel
import MoultTesting
import Testing

@testable import MoultCompute

@Suite("Batches of queries through a graph")
struct GraphBatchTests {
  /// Rows enough for guides, and one graph of them for all codes.
  private static let rowCount = 1700
  private static let vectors = SampleVectors.base(rowCount)
  private static let queries = Array(SampleVectors.queries().prefix(17 * SampleVectors.dimension))
  private static let file = Result {
    try GraphFixture(vectors, dimension: SampleVectors.dimension, quantization: .int8)
      .graph(efConstruction: 32)
  }

  private static func fixture(_ quantization: Quantization) throws -> GraphFixture {
    try GraphFixture(vectors, dimension: SampleVectors.dimension, quantization: quantization)
  }

  private static func guide(_ fixture: GraphFixture) throws -> GraphGuide {
    try #require(GraphGuide(encoder: fixture.encoder, codes: fixture.codes))
  }

  /// Every third row is dead.
  private static let liveWords: [UInt64] = {
    var words = [UInt64](repeating: 0, count: (rowCount + 63) / 64)
    for row in 0..<rowCount where row % 3 != 0 { words[row / 64] |= 1 << UInt64(row % 64) }
    return words
  }()

  private static func withLive(_ isMixed: Bool, _ body: (LiveRows) throws -> Void) rethrows {
    try liveWords.withUnsafeBufferPointer { try body(isMixed ? LiveRows(words: $0.baseAddress) : .all) }
  }

  @Test(
    "a batch of any size finds what each query finds alone, with and without guides and dead rows",
    arguments: [Quantization.none, .int8, .lloyd4, .segmented, .binary], [false, true])
  func batchIsQueries(quantization: Quantization, isGuided: Bool) throws {
    let fixture = try Self.fixture(quantization)
    let graph = try Self.file.get().graph
    let guide = isGuided ? try Self.guide(fixture) : nil
    let batch = QueryBatch(encoder: fixture.encoder)
    let lists = NeighborLists()
    let dimension = SampleVectors.dimension
    for isMixed in [false, true] {
      // Larger and smaller ones by turns: nothing of an earlier batch may be left.
      for (count, k) in [(17, 10), (0, 10), (1, 25), (2, 1), (3, 0), (5, Self.rowCount + 7)] {
        batch.prepare(Self.queries, count: count)
        Self.withLive(isMixed) { live in
          graph.search(batch, codes: fixture.codes, live: live, k: k, ef: 40, guide: guide, into: lists)
          #expect(lists.queryCount == count)
          for query in 0..<count {
            let vector = Array(Self.queries[query * dimension..<(query + 1) * dimension])
            let alone = graph.search(
              encoder: fixture.encoder, query: fixture.encoder.prepare(vector), codes: fixture.codes,
              live: live,
              k: k, ef: 40, guide: guide?.prepare(vector))
            #expect(Array(lists[query]) == alone, "query \(query) of \(count), k \(k)")
          }
        }
      }
    }
  }

  @Test(
    "a query takes nothing from the heap in steady state",
    .enabled(if: moult_test_counts_allocations(), "a sanitizer has its own heap"),
    arguments: [Quantization.none, .int8, .lloyd4, .segmented, .binary], [false, true])
  func noAllocation(quantization: Quantization, isGuided: Bool) throws {
    let fixture = try Self.fixture(quantization)
    let graph = try Self.file.get().graph
    let guide = isGuided ? try Self.guide(fixture) : nil
    let batch = QueryBatch(encoder: fixture.encoder)
    let lists = NeighborLists()
    for isMixed in [false, true] {
      for count in [1, 5] {
        Self.withLive(isMixed) { live in
          Self.queries.withUnsafeBufferPointer { queries in
            func answer() {
              batch.prepare(queries.baseAddress!, count: count)
              graph.search(batch, codes: fixture.codes, live: live, k: 10, ef: 40, guide: guide, into: lists)
            }
            for _ in 0..<3 { answer() }
            // The runtime makes metadata once, whenever it is first asked: what every query takes comes every time.
            var taken = 0
            for _ in 0..<5 {
              let before = Int(moult_test_allocation_count())
              for _ in 0..<20 { answer() }
              taken = Int(moult_test_allocation_count()) - before
              if taken == 0 { break }
            }
            #expect(taken == 0, "\(taken) blocks for \(20 * count) queries, dead rows: \(isMixed)")
          }
        }
      }
    }
    // The counter sees what it should: a query of its own is two objects at least.
    let before = moult_test_allocation_count()
    for _ in 0..<20 { _ = fixture.encoder.prepare(Self.queries) }
    #expect(moult_test_allocation_count() - before >= 20)
  }

  @Test("patience without end changes nothing; a little of it ends walks early and keeps k hits")
  func patience() throws {
    let fixture = try Self.fixture(.int8)
    let graph = try Self.file.get().graph
    let dimension = SampleVectors.dimension
    var (patient, hasty) = (0, 0)
    for query in 0..<17 {
      let vector = Array(Self.queries[query * dimension..<(query + 1) * dimension])
      func search(_ patience: Int?) -> [Neighbor] {
        graph.search(
          encoder: fixture.encoder, query: fixture.encoder.prepare(vector), codes: fixture.codes, live: .all,
          k: 10, ef: 200, patience: patience)
      }
      let whole = search(nil)
      #expect(search(Self.rowCount) == whole)
      let early = search(2)
      #expect(early.count == 10 && early == early.sorted())
      let truth = Set(fixture.nearest(vector).map(\.row))
      patient += whole.count { truth.contains($0.row) }
      hasty += early.count { truth.contains($0.row) }
    }
    #expect(hasty < patient && hasty > patient / 2, "\(hasty) hits with patience 2, \(patient) without")
  }
}
