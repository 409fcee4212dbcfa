import MoultModel
import MoultTesting
import Testing

@testable import MoultEngine

/// Defects that a reviewer found: each with the sequence that showed it.
@Suite("Reviewed defects of conditions, segments and gates")
struct ReviewedSearchTests {
  private static let dimension = SampleVectors.dimension

  private func add(
    _ harness: EngineHarness, _ ids: Range<Int>, _ payloads: [String] = [], mode: WriteMode = .upsert,
    repeating first: Int64? = nil
  ) async throws {
    let base = SampleVectors.base(ids.upperBound)
    var keys = ids.map { PointID.int64(Int64($0)) }
    if let first { keys[keys.count - 1] = .int64(first) }
    _ = try await harness.engine.write(
      PointBatch(
        ids: keys,
        vectors: Array(base[ids.lowerBound * Self.dimension..<ids.upperBound * Self.dimension]),
        dimension: Self.dimension, payloads: payloads), to: "words", mode: mode)
  }

  private func make(_ payloads: [String], segmentRowsMax: Int = 65_536) async throws -> EngineHarness {
    let harness = try await EngineHarness(segmentRowsMax: segmentRowsMax)
    _ = try await harness.engine.createCollection(
      "words", schema: CollectionSchema(dimension: Self.dimension, metric: .cosine))
    try await add(harness, 0..<payloads.count, payloads)
    return harness
  }

  private func find(
    _ harness: EngineHarness, filter: PointFilter? = nil, grouping: SearchGrouping? = nil
  ) async throws -> [SearchHit] {
    try await harness.engine.search(
      SearchRequest(
        queries: Array(SampleVectors.base(1)), dimension: Self.dimension, limit: 10, filter: filter,
        grouping: grouping), in: "words"
    ).hits[0]
  }

  @Test("a number beyond 64 bits is a group like others")
  func bigNumbers() async throws {
    let harness = try await make([#"{"a":18446744073709551615}"#, #"{"a":2}"#])
    let hits = try await find(harness, grouping: SearchGrouping(field: ["a"]))
    #expect(hits.map(\.group) == [.double(18_446_744_073_709_551_615), .int(2)])
    try await harness.shutDown()
  }

  @Test("texts that look alike are different values")
  func canonicalEquivalence() async throws {
    let harness = try await make([#"{"a":"\#u{e9}"}"#, #"{"a":"e\#u{301}"}"#])
    for (text, id) in [("\u{e9}", Int64(0)), ("e\u{301}", 1)] {
      let hits = try await find(harness, filter: .field(["a"], .isOneOf([.string(text)])))
      #expect(hits.map(\.id) == [.int64(id)])
    }
    #expect(try await find(harness, grouping: SearchGrouping(field: ["a"])).count == 2)
    try await harness.shutDown()
  }

  @Test("as many values and conditions as are promised", arguments: [999, 1_100, 50_000])
  func manyValues(count: Int) async throws {
    let harness = try await make([#"{"a":1}"#, #"{"a":"2"}"#])
    let integers = PointFilter.field(["a"], .isOneOf((0..<count).map { .int(Int64($0)) }))
    #expect(try await find(harness, filter: integers).count == 1)
    let texts = PointFilter.field(["a"], .isOneOf((0..<count).map { .string(String($0)) }))
    #expect(try await find(harness, filter: texts).count == 1)
    let wide = PointFilter.any(
      (0..<PointFilter.conditionCountMax - 1).map { .field(["a"], .isOneOf([.int(Int64($0))])) })
    #expect(try await find(harness, filter: wide).count == 1)
    await #expect {
      _ = try await find(harness, filter: .all([wide, .all([])]))
    } throws: { ($0 as? MoultError)?.code == .invalidArgument }
    try await harness.shutDown()
  }

  @Test("a text with a NUL matches nothing")
  func nul() async throws {
    let harness = try await make([#"{"a":"x"}"#])
    #expect(try await find(harness, filter: .field(["a"], .isOneOf([.string("x\0y")]))).isEmpty)
    try await harness.shutDown()
  }

  @Test("segments stay in the order of rows and apart after a batch that failed across a boundary")
  func boundary() async throws {
    let directory = TemporaryDirectory()
    var harness = try await EngineHarness(directory: directory, segmentRowsMax: 1_000)
    _ = try await harness.engine.createCollection(
      "words", schema: CollectionSchema(dimension: Self.dimension, metric: .cosine))
    try await add(harness, 0..<300)
    await #expect {
      try await add(harness, 300..<1_100, mode: .insert, repeating: 0)
    } throws: { ($0 as? MoultError)?.code == .pointExists }
    let job = try await harness.finish(
      harness.engine.startSwitch(
        "words",
        SwitchRequest(
          specification: EncodingSpecification(
            quantization: .int8, index: .hnsw(m: 8, efConstruction: 50)),
          gate: RecallGateRequest(minimumRecall: 0))))
    #expect(job.state == .completed)
    try await add(harness, 300..<1_400)
    _ = try await harness.engine.delete([.int64(450)], from: "words")
    for round in 0..<2 {
      let snapshot = try #require(harness.engine.aliases.current.collections["words"]).snapshot
      #expect(snapshot.liveCount == 1_399, "round \(round)")
      for (segment, next) in zip(snapshot.segments, snapshot.segments.dropFirst()) {
        #expect(segment.rows.end(count: segment.count) <= next.firstRow, "round \(round)")
      }
      for row in 0..<Int64(1_400) { #expect(snapshot.place(ofRow: row) != nil, "row \(row)") }
      let found = try await harness.search("words", queries: SampleVectors.base(1_400), limit: 1)
      for id in 0..<1_400 where id != 450 { #expect(found[id].first == .int64(Int64(id))) }
      guard round == 0 else { break }
      try await harness.settle()
      try await harness.shutDown()
      harness = try await EngineHarness(directory: directory, segmentRowsMax: 1_000)
    }
    try await harness.shutDown()
  }
}
