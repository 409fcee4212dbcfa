import MoultEngine
import MoultModel
import MoultStorage
import MoultTesting
import Testing

/// One test for each defect that a review found before release, so that none comes back.
@Suite("Reviewed defects")
struct ReviewedDefectTests {
  private func code(_ body: () async throws -> Void) async -> MoultError.Code? {
    do {
      try await body()
      return nil
    } catch {
      return (error as? MoultError)?.code
    }
  }

  @Test(
    "a specification that cannot be built is refused before anything is stored, and the directory opens again"
  )
  func badSpecifications() async throws {
    let harness = try await EngineHarness()
    var withoutTransform = EncodingSpecification()
    withoutTransform.dimensions = 2
    for specification in [
      withoutTransform, EncodingSpecification(index: .hnsw(m: 0, efConstruction: 10)),
      EncodingSpecification(index: .hnsw(m: 1_000_000, efConstruction: 10)),
      EncodingSpecification(index: .hnsw(m: 8, efConstruction: -5)),
      EncodingSpecification(oversampling: 0.5), EncodingSpecification(quantization: .int8),
    ] {
      let refused = await code {
        _ = try await harness.engine.createCollection(
          "x", schema: CollectionSchema(dimension: 4), specification: specification)
      }
      #expect(refused == .invalidArgument, "\(specification)")
    }
    #expect(try harness.engine.listCollections().isEmpty)
    try await harness.shutDown()
    let again = try await EngineHarness(directory: harness.directory)
    try await again.shutDown()
  }

  @Test("keys that a collection gives out are never given twice, through deletes, restarts and a reindex")
  func automaticKeys() async throws {
    let schema = CollectionSchema(dimension: 2, metric: .innerProduct, automaticKeys: true)
    let batch = PointBatch(ids: [], vectors: [1, 0, 0, 1, 1, 1], dimension: 2)
    var harness = try await EngineHarness()
    _ = try await harness.engine.createCollection("v1", schema: schema)
    try await harness.engine.createAlias("a", collection: "v1")
    var given = try await harness.engine.write(batch, to: "a", mode: .insert).ids
    given += try await harness.engine.write(batch, to: "a", mode: .insert).ids
    _ = try await harness.engine.delete(given.filter { $0 != given[1] }, from: "a")
    try await harness.shutDown()

    harness = try await EngineHarness(directory: harness.directory)
    let job = try await harness.engine.startReindex(
      ReindexRequest(source: "a", target: "v2", specification: EncodingSpecification(), alias: "a"))
    #expect(try await harness.finish(job).state == .completed)
    #expect(try harness.engine.describeAlias("a") == "v2")
    for _ in 0..<3 { given += try await harness.engine.write(batch, to: "a", mode: .insert).ids }
    #expect(Set(given).count == given.count)
    #expect(try harness.engine.describeCollection("a").count == 10)
    try await harness.shutDown()
  }

  @Test("a gate's queries of another dimension are refused, not read as others")
  func gateDimension() async throws {
    let harness = try await EngineHarness()
    _ = try await harness.engine.createCollection("c", schema: CollectionSchema(dimension: 4))
    let gate = RecallGateRequest(queries: [1, 2, 3, 4, 5, 6, 7, 8], dimension: 8)
    let refused = await code {
      _ = try await harness.engine.startSwitch(
        "c", SwitchRequest(specification: EncodingSpecification(quantization: .int8), gate: gate))
    }
    #expect(refused == .dimensionMismatch)
    try await harness.shutDown()
  }

  @Test(
    "vectors whose scores would overflow float32 are refused under every metric", arguments: Metric.allCases)
  func overflow(metric: Metric) async throws {
    let harness = try await EngineHarness()
    _ = try await harness.engine.createCollection("c", schema: CollectionSchema(dimension: 2, metric: metric))
    func write(_ vector: [Float]) async -> MoultError.Code? {
      await code {
        _ = try await harness.engine.write(
          PointBatch(ids: [.int64(1)], vectors: vector, dimension: 2), to: "c", mode: .upsert)
      }
    }
    #expect(await write([3e38, 3e38]) == .invalidVector)
    #expect(await write([1e19, 0]) == .invalidVector)
    #expect(await write([5e18, 5e18]) == nil)
    let request = SearchRequest(queries: [-5e18, -5e18], dimension: 2, limit: 1, exact: true)
    #expect(try await harness.engine.search(request, in: "c").hits[0][0].score.isFinite)
    let long = SearchRequest(queries: [3e38, 0], dimension: 2, limit: 1)
    #expect(await code { _ = try await harness.engine.search(long, in: "c") } == .invalidVector)
    try await harness.shutDown()
  }

  @Test("a request that would give more hits than memory is for is refused")
  func tooManyHits() async throws {
    let harness = try await EngineHarness()
    _ = try await harness.engine.createCollection(
      "c", schema: CollectionSchema(dimension: 1, metric: .innerProduct))
    let request = SearchRequest(
      queries: [Float](repeating: 1, count: 10_000), dimension: 1, limit: 16_384)
    #expect(await code { _ = try await harness.engine.search(request, in: "c") } == .tooLarge)
    try await harness.shutDown()
  }

  @Test(
    "a fault in what an encoder or an index file holds is told with the file's path",
    arguments: [".encoder", ".graph", ".ivf"])
  func damagedContent(suffix: String) async throws {
    let harness = try await EngineHarness()
    try await harness.importSample("words", rows: 1_000)
    let job = try await harness.engine.startSwitch(
      "words",
      SwitchRequest(
        specification: EncodingSpecification(
          quantization: .int8, index: suffix == ".ivf" ? .defaultIVF : .hnsw(m: 8, efConstruction: 60)),
        gate: RecallGateRequest(minimumRecall: 0)))
    #expect(try await harness.finish(job).state == .completed)
    try await harness.shutDown()

    let name = try #require(harness.directory.files().first { $0.hasSuffix(suffix) })
    let path = harness.directory.path + "/" + name
    // The file is sound, checksum included: only who reads the content can find the fault.
    let kinds: [String: SegmentHeader.Kind] = [".encoder": .encoder, ".graph": .graph, ".ivf": .invertedFile]
    let file = try SegmentFile(path: path, kind: kinds[suffix]!)
    var content = [UInt8](file.payload)
    content[0] ^= 1
    try content.withUnsafeBytes { content in
      _ = try SegmentWriter.write(content, to: path, kind: file.header.kind, identity: file.header.identity)
    }
    let again = try await EngineHarness(directory: harness.directory)
    await #expect {
      _ = try await again.search("words", queries: SampleVectors.queries(1))
    } throws: { error in
      guard let error = error as? MoultError else { return false }
      return error.code == .corrupted && error.message.hasPrefix("\(path): ")
    }
    try await again.shutDown()
  }

  @Test("a small collection that is switched to a graph index gets a graph")
  func smallGraph() async throws {
    let harness = try await EngineHarness()
    try await harness.importSample("words", rows: 1_000)
    let job = try await harness.engine.startSwitch(
      "words",
      SwitchRequest(
        specification: EncodingSpecification(quantization: .int8, index: .hnsw(m: 8, efConstruction: 60)),
        gate: RecallGateRequest(minimumRecall: 0.8)))
    #expect(try await harness.finish(job).state == .completed)
    #expect(harness.directory.files().contains { $0.hasSuffix(".graph") })
    try await harness.importSample("more", rows: 300)
    #expect(try await harness.search("words", queries: SampleVectors.queries(1)).first?.count == 10)
    try await harness.shutDown()
  }

  @Test("a shutdown in the middle of a graph build keeps what is finished, and the job goes on")
  func shutdownWhileIndexing() async throws {
    let directory = TemporaryDirectory()
    var harness = try await EngineHarness(directory: directory, segmentRowsMax: 2_000)
    try await harness.importSample("v1", rows: 6_000)
    var job = try await harness.engine.startReindex(
      ReindexRequest(
        source: "v1", target: "v2",
        specification: EncodingSpecification(quantization: .int8, index: .hnsw(m: 32, efConstruction: 500)),
        gate: RecallGateRequest(minimumRecall: 0.5)))
    while job.progress.phase != "index", !job.state.isFinal {
      job = try await harness.engine.waitForJob(job.id, changedSince: job, seconds: 30)
    }
    #expect(job.state == .running)
    try await harness.shutDown()
    harness = try await EngineHarness(directory: directory, segmentRowsMax: 2_000)
    let resumed = try await harness.finish(harness.engine.job(job.id))
    #expect(resumed.state == .completed)
    // The copy was kept: the target was not filled again from the beginning.
    #expect(try harness.engine.describeCollection("v2").count == 6_000)
    #expect(resumed.attempt == 1)
    try await harness.shutDown()
  }
}
