import MoultEngine
import MoultModel
import MoultTesting
import Testing

@Suite("Reindexing into another collection")
struct ReindexTests {
  @Test("a copy of fewer dimensions takes over the alias, payload and all, and answers full-length queries")
  func fewerDimensions() async throws {
    let harness = try await EngineHarness()
    try await harness.importSample("v1", rows: 10_000)
    try await harness.engine.createAlias("words", collection: "v1")
    let queries = SampleVectors.queries()
    var job = try await harness.engine.startReindex(
      ReindexRequest(
        source: "words", target: "v2", specification: EncodingSpecification(dimensions: 256), alias: "words",
        gate: RecallGateRequest(minimumRecall: 0.9, queries: queries, dimension: SampleVectors.dimension)))
    job = try await harness.finish(job)
    #expect(job.state == .completed, "\(job)")
    #expect(try harness.engine.describeAlias("words") == "v2")
    let report = try #require(job.report)
    #expect(report.bytesPerVectorAfter == 1024)
    #expect(try #require(report.recallWithoutRescoring).mean > 0.9)
    #expect(recall(try await harness.search("words", queries: queries), truth: SampleVectors.truth()) > 0.97)
    let page = try await harness.engine.scan(
      "words", after: nil, limit: 100_000, includeVectors: true, includePayload: true)
    #expect(page.points.count == 10_000)
    let base = SampleVectors.base()
    for (row, point) in page.points.enumerated() {
      #expect(point.id == .int64(Int64(row)))
      #expect(point.payload == #"{"row":\#(row)}"#)
      #expect(point.vector == Array(base[row * 384..<(row + 1) * 384]))
    }
    try await harness.shutDown()
  }

  /// What a client was told, kept beside the engine: the model that the final state is compared with.
  actor Model {
    var payloads: [Int64: String] = [:]
    func set(_ id: Int64, _ payload: String?) { payloads[id] = payload }
  }

  @Test(
    "writes and deletes through the alias during a switch and a reindex are all in the result",
    arguments: [UInt64(1), 2, 3])
  func nothingLost(seed: UInt64) async throws {
    let harness = try await EngineHarness(segmentRowsMax: 1_000)
    let (rows, dimension) = (3_000, SampleVectors.dimension)
    try await harness.importSample("v1", rows: rows)
    try await harness.engine.createAlias("words", collection: "v1")
    let base = SampleVectors.base(rows)
    let model = Model()
    for row in 0..<rows { await model.set(Int64(row), #"{"row":\#(row)}"#) }

    let engine = harness.engine
    let writing = Task {
      var random = SeededGenerator(seed: seed)
      var written = 0
      while !Task.isCancelled {
        let id = Int64.random(in: 0..<Int64(rows + 500), using: &random)
        if UInt8.random(in: 0..<4, using: &random) == 0 {
          _ = try await engine.delete([.int64(id)], from: "words")
          await model.set(id, nil)
        } else {
          let source = Int.random(in: 0..<rows, using: &random)
          let payload = #"{"written":\#(written)}"#
          _ = try await engine.write(
            PointBatch(
              ids: [.int64(id)], vectors: Array(base[source * dimension..<(source + 1) * dimension]),
              dimension: dimension, payloads: [payload]),
            to: "words", mode: .upsert)
          await model.set(id, payload)
        }
        written += 1
      }
      return written
    }
    let gate = RecallGateRequest(minimumRecall: 0)
    var job = try await engine.startSwitch(
      "words", SwitchRequest(specification: EncodingSpecification(quantization: .int8), gate: gate))
    job = try await harness.finish(job)
    #expect(job.state == .completed, "\(job)")
    job = try await engine.startReindex(
      ReindexRequest(
        source: "words", target: "v2", specification: EncodingSpecification(quantization: .binary),
        alias: "words", gate: gate))
    job = try await harness.finish(job)
    #expect(job.state == .completed, "\(job)")
    #expect(try engine.describeAlias("words") == "v2")
    _ = try await engine.rollback("words")
    writing.cancel()
    let written = try await writing.value
    #expect(written > 10)

    let page = try await engine.scan(
      "words", after: nil, limit: 100_000, includeVectors: true, includePayload: true)
    let found = Dictionary(uniqueKeysWithValues: page.points.map { ($0.id, $0.payload) })
    let expected = await model.payloads
    #expect(found.count == expected.count, "seed \(seed)")
    for (id, payload) in expected { #expect(found[.int64(id)] == payload, "point \(id), seed \(seed)") }

    // Both generations of the target answer with every live point and no dead one.
    for _ in 0..<2 {
      let all = try await harness.search("words", queries: SampleVectors.queries(1), limit: 10_000)
      #expect(Set(all[0]) == Set(expected.keys.map { PointID.int64($0) }), "seed \(seed)")
      _ = try await engine.rollback("words")
    }
    try await harness.shutDown()
  }
}
