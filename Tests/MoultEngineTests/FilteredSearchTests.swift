import MoultModel
import MoultTesting
import Testing

@testable import MoultEngine

@Suite("Searches with filters, ranges and groups")
struct FilteredSearchTests {
  private static let rows = 6_000
  private static let dimension = SampleVectors.dimension

  /// The sample with a payload of every type: `n` is the row, `tens` its tens as text, and more.
  private func sample(_ form: EncodingSpecification?, segmentRowsMax: Int = 65_536) async throws
    -> EngineHarness
  {
    let harness = try await EngineHarness(segmentRowsMax: segmentRowsMax)
    _ = try await harness.engine.createCollection(
      "words", schema: CollectionSchema(dimension: Self.dimension, metric: .cosine))
    let base = SampleVectors.base(Self.rows)
    for first in stride(from: 0, to: Self.rows, by: 1_000) {
      let ids = first..<first + 1_000
      _ = try await harness.engine.write(
        PointBatch(
          ids: ids.map { .int64(Int64($0)) },
          vectors: Array(base[first * Self.dimension..<(first + 1_000) * Self.dimension]),
          dimension: Self.dimension,
          payloads: ids.map { id in
            #"{"n":\#(id),"ten":"\#(id / 10)","odd":\#(id % 2 == 1),"deep":{"half":\#(Double(id) / 2)}"#
              + (id % 3 == 0 ? #","third":null}"# : "}")
          }), to: "words", mode: .upsert)
    }
    if let form {
      let job = try await harness.finish(
        harness.engine.startSwitch(
          "words", SwitchRequest(specification: form, gate: RecallGateRequest(minimumRecall: 0.5))))
      #expect(job.state == .completed)
    }
    return harness
  }

  private func hits(
    _ harness: EngineHarness, _ queries: [Float], filter: PointFilter? = nil, limit: Int = 10,
    offset: Int = 0,
    exact: Bool = false, range: SearchRange? = nil, grouping: SearchGrouping? = nil
  ) async throws -> [[SearchHit]] {
    try await harness.engine.search(
      SearchRequest(
        queries: queries, dimension: Self.dimension, limit: limit, offset: offset, exact: exact,
        filter: filter,
        range: range, grouping: grouping), in: "words"
    ).hits
  }

  private func numbers(_ hits: [SearchHit]) -> [Int64] {
    hits.map { hit in
      guard case .int64(let id) = hit.id else { return -1 }
      return id
    }
  }

  @Test("every kind of condition finds exactly what the payload says, with deletions and new points between")
  func conditions() async throws {
    let harness = try await sample(nil, segmentRowsMax: 2_500)
    var alive = Set((0..<Int64(Self.rows)))
    let cases: [(PointFilter, (Int64) -> Bool)] = [
      (.ids([.int64(3), .int64(5_999), .int64(-1), .string("7")]), { $0 == 3 || $0 == 5_999 }),
      (.field(["ten"], .isOneOf([.string("17"), .string("430")])), { $0 / 10 == 17 || $0 / 10 == 430 }),
      (.field(["n"], .isOneOf([.int(12), .double(13)])), { $0 == 12 || $0 == 13 }),
      (.field(["n"], .isOneOf([.string("12"), .bool(true)])), { _ in false }),
      (.field(["odd"], .isOneOf([.bool(true)])), { $0 % 2 == 1 }),
      (.field(["odd"], .isOneOf([.int(1)])), { _ in false }),
      (.field(["third"], .isOneOf([.null])), { $0 % 3 == 0 }),
      (.field(["third"], .exists), { $0 % 3 == 0 }),
      (.not(.field(["third"], .exists)), { $0 % 3 != 0 }),
      (.not(.field(["nowhere"], .isOneOf([.int(1)]))), { _ in true }),
      (
        .field(
          ["deep", "half"],
          .isBetween(lower: .init(10, isInclusive: true), upper: .init(12, isInclusive: false))),
        { (20..<24).contains($0) }
      ),
      (
        .all([
          .field(["odd"], .isOneOf([.bool(false)])),
          .any([
            .field(["n"], .isBetween(lower: nil, upper: .init(9, isInclusive: true))), .ids([.int64(100)]),
          ]),
        ]), { $0 % 2 == 0 && ($0 <= 9 || $0 == 100) }
      ),
      (.all([]), { _ in true }), (.any([]), { _ in false }),
    ]
    let query = SampleVectors.queries(1)
    for round in 0..<2 {
      for (filter, matches) in cases {
        let wanted = alive.filter(matches)
        let found = try await hits(harness, query, filter: filter, limit: 8_000, exact: true)
        #expect(Set(numbers(found[0])) == wanted, "round \(round), \(filter)")
      }
      let gone = Set(stride(from: Int64(2), to: Int64(Self.rows), by: 5))
      _ = try await harness.engine.delete(gone.map { .int64($0) }, from: "words")
      alive.subtract(gone)
      // A point that comes again with another payload is found by that one only.
      _ = try await harness.engine.write(
        PointBatch(
          ids: [.int64(3)], vectors: SampleVectors.base(1), dimension: Self.dimension,
          payloads: [#"{"n":3,"ten":"0","odd":true,"deep":{"half":1.5},"third":null}"#]),
        to: "words", mode: .upsert)
    }
    try await harness.shutDown()
  }

  /// Without codes, so that it is the way of filtering that is measured: far from a query scores lie closer together
  /// than codes can tell.
  @Test(
    "recall@10 at 1, 10 and 50 percent, also when the filter lets through what is far from the query",
    arguments: [IndexSpecification.flat, .hnsw(m: 16, efConstruction: 100), .ivf(lists: nil)],
    [0.01, 0.1, 0.5])
  func recall(index: IndexSpecification, share: Double) async throws {
    let harness = try await sample(EncodingSpecification(index: index))
    let queries = SampleVectors.queries(40)
    let all = try await hits(harness, queries, limit: Self.rows, exact: true)
    var random = SeededGenerator(seed: 5)
    var found = (independent: 0, correlated: 0)
    for (number, ranked) in all.enumerated() {
      let query = Array(queries[number * Self.dimension..<(number + 1) * Self.dimension])
      let count = Int(share * Double(Self.rows))
      let independent = Set((0..<Int64(Self.rows)).shuffled(using: &random).prefix(count))
      let farthest = Set(numbers(ranked).suffix(count))
      for (allowed, isCorrelated) in [(independent, false), (farthest, true)] {
        let filter = PointFilter.ids(Set(allowed.map { .int64($0) }))
        let truth = numbers(ranked).filter(allowed.contains).prefix(10)
        let answer = numbers(try await hits(harness, query, filter: filter)[0])
        #expect(answer.count == min(10, count) && answer.allSatisfy(allowed.contains))
        let hits = Set(answer).intersection(truth).count
        if isCorrelated { found.correlated += hits } else { found.independent += hits }
      }
    }
    let wanted = Double(40 * 10)
    #expect(Double(found.independent) / wanted >= 0.95, "independent: \(found.independent)")
    #expect(Double(found.correlated) / wanted >= 0.95, "correlated: \(found.correlated)")
    try await harness.shutDown()
  }

  @Test("a range of scores keeps what lies inside, and only that")
  func ranges() async throws {
    let harness = try await sample(EncodingSpecification(quantization: .int8))
    let queries = SampleVectors.queries(5)
    let all = try await hits(harness, queries, limit: 2_000, exact: true)
    for (number, ranked) in all.enumerated() {
      let query = Array(queries[number * Self.dimension..<(number + 1) * Self.dimension])
      let (near, far) = (ranked[40].score, ranked[700].score)
      let whole = SearchRange(
        lower: .init(far, isInclusive: true), upper: .init(near, isInclusive: false))
      let inside = ranked.filter { $0.score >= far && $0.score < near }.map(\.id)
      #expect(try await hits(harness, query, limit: 2_000, exact: true, range: whole)[0].map(\.id) == inside)
      #expect(
        try await hits(harness, query, limit: 10, offset: 5, exact: true, range: whole)[0].map(\.id)
          == Array(inside[5..<15]))
      let nothing = SearchRange(lower: .init(ranked[0].score, isInclusive: false))
      #expect(try await hits(harness, query, exact: true, range: nothing)[0].isEmpty)
    }
    try await harness.shutDown()
  }

  @Test("groups come best first, no larger than asked, and pages of them join")
  func groups() async throws {
    let harness = try await sample(nil)
    let queries = SampleVectors.queries(3)
    let ranked = try await hits(harness, queries, limit: Self.rows, exact: true)
    let grouping = SearchGrouping(field: ["ten"], size: 3)
    let found = try await hits(harness, queries, limit: 20, exact: true, grouping: grouping)
    let later = try await hits(harness, queries, limit: 5, offset: 15, exact: true, grouping: grouping)
    for (number, ranked) in ranked.enumerated() {
      var order: [Int64] = []
      var groups: [Int64: [Int64]] = [:]
      for id in numbers(ranked) {
        if groups[id / 10] == nil { order.append(id / 10) }
        if groups[id / 10, default: []].count < 3 { groups[id / 10, default: []].append(id) }
      }
      let expected = order.prefix(20).flatMap { groups[$0]! }
      // Every group's first hit is certain; its later ones only as far as the search had to go for them.
      var seen: [PointFilter.Scalar] = []
      for hit in found[number] {
        let group = try #require(hit.group)
        if seen.last != group { seen.append(group) }
      }
      #expect(seen == order.prefix(20).map { PointFilter.Scalar.string(String($0)) })
      #expect(Set(numbers(found[number])).isSubset(of: Set(expected)))
      #expect(numbers(found[number]).count >= 20)
      #expect(Set(numbers(later[number])).isSubset(of: Set(order[15..<20].flatMap { groups[$0]! })))
    }
    try await harness.shutDown()
  }
}
