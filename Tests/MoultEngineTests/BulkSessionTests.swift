import MoultEngine
import MoultModel
import MoultTesting
import Testing

@Suite("Bulk sessions")
struct BulkSessionTests {
  private func makeCollection(_ engine: Engine) async throws {
    _ = try await engine.createCollection(
      "g", schema: CollectionSchema(dimension: SampleVectors.dimension),
      specification: EncodingSpecification(index: .hnsw(m: 8, efConstruction: 60)))
  }

  /// Fills two segments, and begins a third.
  private func fill(_ engine: Engine) async throws {
    let base = SampleVectors.base(2_500)
    for first in stride(from: 0, to: 2_500, by: 500) {
      _ = try await engine.write(
        PointBatch(
          ids: (first..<first + 500).map { .int64(Int64($0)) },
          vectors: Array(base[first * 384..<(first + 500) * 384]), dimension: 384),
        to: "g", mode: .upsert)
    }
  }

  private func expectExact(_ harness: EngineHarness) async throws {
    let queries = SampleVectors.queries(20)
    #expect(
      try await harness.search("g", queries: queries) == harness.search("g", queries: queries, exact: true))
  }

  @Test("indexes wait until the session is ended, and answers are right meanwhile")
  func ended() async throws {
    let harness = try await EngineHarness(segmentRowsMax: 1_000)
    let engine = harness.engine
    try await makeCollection(engine)
    try engine.beginBulk(of: "g", seconds: 3_600)
    try await fill(engine)
    #expect(try engine.jobs(subject: "g").isEmpty)
    #expect(try engine.rowsWithoutIndex(of: "g") == 2_000)
    try await expectExact(harness)
    try await engine.endBulk(of: "g")
    #expect(try engine.jobs(subject: "g").map(\.kind).contains("index"))
    try await harness.settle()
    #expect(try engine.rowsWithoutIndex(of: "g") == 0)
    // Again is harmless.
    try await engine.endBulk(of: "g")
    try await harness.shutDown()
  }

  @Test("a session that nobody ends ends by itself; one that was begun again lasts from then")
  func runsOut() async throws {
    let harness = try await EngineHarness(segmentRowsMax: 1_000)
    let engine = harness.engine
    try await makeCollection(engine)
    try engine.beginBulk(of: "g", seconds: 0.001)
    try engine.beginBulk(of: "g", seconds: 3_600)
    try await fill(engine)
    #expect(try engine.jobs(subject: "g").isEmpty)
    try engine.beginBulk(of: "g", seconds: 0.001)
    // The indexes are what is waited for: without them this does not end.
    while try engine.rowsWithoutIndex(of: "g") > 0 { await Task.yield() }
    try await harness.shutDown()
  }

  @Test("a restart ends it")
  func restart() async throws {
    let directory = TemporaryDirectory()
    let harness = try await EngineHarness(directory: directory, segmentRowsMax: 1_000)
    try await makeCollection(harness.engine)
    try harness.engine.beginBulk(of: "g", seconds: 3_600)
    try await fill(harness.engine)
    try await harness.shutDown()
    let again = try await EngineHarness(directory: directory, segmentRowsMax: 1_000)
    try await again.settle()
    #expect(try again.engine.rowsWithoutIndex(of: "g") == 0)
    try await again.shutDown()
  }

  @Test(
    "times out of range and collections that are not there are refused", arguments: [0, -1, .nan, 86_401])
  func refusals(seconds: Double) async throws {
    let harness = try await EngineHarness()
    try await makeCollection(harness.engine)
    let error = #expect(throws: MoultError.self) { try harness.engine.beginBulk(of: "g", seconds: seconds) }
    #expect(error?.code == .invalidArgument)
    let missing = #expect(throws: MoultError.self) { try harness.engine.beginBulk(of: "none", seconds: 1) }
    #expect(missing?.code == .collectionNotFound)
    try await harness.shutDown()
  }
}
