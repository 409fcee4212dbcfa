import Logging
import MoultModel
import MoultTesting
import ServiceLifecycle
import Testing

@testable import MoultEngine

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

  @Test(
    "rows get an index before their segment is full where a scan of them costs much, or when they are asked to"
  )
  func ripe() async throws {
    let harness = try await EngineHarness(segmentRowsMax: 65_536)
    let engine = harness.engine
    func segments(_ name: String) throws -> [SegmentView] {
      try engine.aliases.resolveReady(name).snapshot.segments
    }
    // 1,540 bytes a row: 10,000 are worth it. Without an index there is nothing to gain.
    for (name, index) in [("graph", IndexSpecification.automatic), ("flat", .flat)] {
      _ = try await engine.createCollection(
        name, schema: CollectionSchema(dimension: SampleVectors.dimension),
        specification: EncodingSpecification(index: index))
      let base = SampleVectors.base(10_000)
      for first in stride(from: 0, to: 10_000, by: 1_000) {
        #expect(try segments(name).allSatisfy { !$0.isSealed })
        _ = try await engine.write(
          PointBatch(
            ids: (first..<first + 1_000).map { .int64(Int64($0)) },
            vectors: Array(base[first * 384..<(first + 1_000) * 384]), dimension: 384),
          to: name, mode: .upsert)
      }
    }
    #expect(try segments("graph").map(\.isSealed) == [true] && segments("flat").map(\.isSealed) == [false])
    try await harness.settle()
    #expect(try engine.rowsWithoutIndex(of: "graph") == 0)
    #expect(try engine.aliases.resolveReady("graph").snapshot.live.indexes.count == 1)
    try await engine.sealSegments(of: "flat")
    #expect(try segments("flat").map(\.isSealed) == [false])

    // Given an index now, it is not worth one by itself before the next write, but can be asked for.
    try await engine.redefine("flat", metric: .cosine, index: .automatic)
    #expect(try segments("flat").map(\.isSealed) == [false])
    try await engine.sealSegments(of: "flat")
    try await harness.settle()
    #expect(try segments("flat").map(\.isSealed) == [true])
    #expect(try engine.rowsWithoutIndex(of: "flat") == 0)
    let queries = SampleVectors.queries(40)
    let truth = try await harness.search("graph", queries: queries, exact: true)
    for name in ["graph", "flat"] {
      let found = try await harness.search(name, queries: queries)
      let agreement = zip(truth, found).reduce(0) { $0 + Set($1.0).intersection($1.1).count }
      #expect(Double(agreement) / 400 > 0.9)
    }
    try await harness.shutDown()
  }

  @Test("the job is held to the engine's limits")
  func paced() async throws {
    let directory = TemporaryDirectory()
    var logger = Logger(label: "engine-test")
    logger.logLevel = .error
    let engine = try await Engine.open(
      EngineConfiguration(
        dataDirectory: directory.path, computeThreads: 2, segmentRowsMax: 500,
        jobLimits: JobLimits(maximumP99Rise: 0.25)), logger: logger)
    let services = ServiceGroup(services: engine.backgroundServices, logger: logger)
    let running = Task { try await services.run() }
    let latencies = engine.resources.searchLatencies
    for _ in 0..<SearchLatencies.idleCountMin { latencies.record(0.001, besideJob: false) }
    for _ in 0..<SearchLatencies.windowCount { latencies.record(0.1, besideJob: true) }
    _ = try await engine.createCollection(
      "g", schema: CollectionSchema(dimension: SampleVectors.dimension),
      specification: EncodingSpecification(index: .hnsw(m: 8, efConstruction: 60)))
    _ = try await engine.write(
      PointBatch(
        ids: (0..<600).map { .int64(Int64($0)) }, vectors: SampleVectors.base(600),
        dimension: SampleVectors.dimension), to: "g", mode: .upsert)
    let jobs = try engine.jobs(subject: "g")
    #expect(jobs.map(\.kind) == ["index"])
    for var job in jobs {
      while !job.state.isFinal {
        job = try await engine.waitForJob(job.id, changedSince: job, seconds: 30)
      }
      #expect(job.state == .completed, "\(job)")
    }
    // Whoever keeps the limit forgets the searches before it, and looks at those beside it.
    let isLookedAt = latencies.takeWindow(rise: 0.25) == nil
    #expect(isLookedAt)
    await services.triggerGracefulShutdown()
    try await running.value
    await engine.close()
  }
}
