import MoultEngine
import MoultModel
import MoultTesting
import Testing

@Suite("Indexes of segments that are sealed later")
struct IndexJobTests {
  @Test(
    "a collection gets the index it was made with for new segments by itself, and it survives a restart",
    arguments: [(IndexSpecification.hnsw(m: 8, efConstruction: 60), ".graph"), (.defaultIVF, ".ivf")])
  func later(index: IndexSpecification, suffix: String) async throws {
    let directory = TemporaryDirectory()
    let harness = try await EngineHarness(directory: directory, segmentRowsMax: 1_000)
    let engine = harness.engine
    _ = try await engine.createCollection(
      "g", schema: CollectionSchema(dimension: SampleVectors.dimension),
      specification: EncodingSpecification(index: index))
    let base = SampleVectors.base(2_500)
    for first in stride(from: 0, to: 2_500, by: 500) {
      _ = try await engine.write(
        PointBatch(
          ids: (first..<first + 500).map { .int64(Int64($0)) },
          vectors: Array(base[first * 384..<(first + 500) * 384]), dimension: 384),
        to: "g", mode: .upsert)
    }
    for job in try engine.jobs(subject: "g") {
      #expect(job.kind == "index")
      #expect(try await harness.finish(job).state == .completed)
    }
    #expect(directory.files().filter { $0.hasSuffix(suffix) }.count == 2)
    let queries = SampleVectors.queries(40)
    let exact = try await harness.search("g", queries: queries, exact: true)
    let found = try await harness.search("g", queries: queries)
    let agreement = zip(exact, found).reduce(0) { $0 + Set($1.0).intersection($1.1).count }
    #expect(Double(agreement) / 400 > 0.9)
    try await harness.shutDown()

    let again = try await EngineHarness(directory: directory, segmentRowsMax: 1_000)
    #expect(try await again.search("g", queries: queries) == found)
    try await again.shutDown()
  }
}
