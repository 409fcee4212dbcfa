import MoultModel
import MoultTesting
import Testing

@testable import MoultEngine

@Suite("What becomes of graphs in a switch")
struct GraphVerificationTests {
  private static let index = IndexSpecification.hnsw(m: 16, efConstruction: 100)
  private static var gate: RecallGateRequest {
    RecallGateRequest(
      minimumRecall: 0.9, queries: SampleVectors.queries(), dimension: SampleVectors.dimension)
  }

  @Test("every pair of codes, both directions, over one graph that is built once")
  func kept() async throws {
    let harness = try await EngineHarness()
    try await harness.importSample("words", rows: 2_000)
    func change(_ quantization: Quantization, bits: Double? = nil) async throws -> SwitchReport {
      let form = EncodingSpecification(quantization: quantization, bits: bits, index: Self.index)
      let job = try await harness.finish(
        harness.engine.startSwitch("words", SwitchRequest(specification: form, gate: Self.gate)))
      #expect(job.state == .completed, "\(quantization): \(job.error ?? "")")
      return try #require(job.report)
    }
    let first = try await change(.int8)
    #expect(first.graph?.kind == .built)
    let codes: [(Quantization, Double?)] = [
      (.int8, nil), (.segmented, 4), (.binary, nil), (.lloyd4, nil), (.segmented, 1), (.none, nil),
    ]
    var live = 0
    for (one, other) in codes.indices.flatMap({ a in codes.indices.map { (a, $0) } }) where one < other {
      // To ask for what is live already would be the job that made it.
      for index in [one, other, one] where index != live {
        let code = codes[index]
        live = index
        let report = try await change(code.0, bits: code.1)
        #expect(report.graph?.kind == .kept, "\(code)")
        #expect(try #require(report.recallAfter).mean >= 0.95, "\(code)")
      }
    }
    try await harness.shutDown()
  }

  @Test("a graph that is noise to the new codes is found out against a scan, and mended by refining")
  func refined() async throws {
    // Neighbours in the first eight dimensions have nothing to do with those in all: a graph of the one is noise
    // to the other, but one in which every row is near to every other.
    let report = try await reportOfSwitch(seed: 11) { hidden, own, _ in
      own + (8..<64).map { 40 * hidden[$0 % 8] + 20 * hidden[($0 / 8) % 8] }
    }
    let graph = try #require(report.graph)
    #expect(graph.kind == .refined, "\(graph)")
    #expect(graph.reason.contains("below a scan of the same codes"), "\(graph)")
    #expect(!graph.reason.contains("not enough"), "\(graph)")
  }

  @Test("a graph of crowds that hardly lead to each other is rebuilt, after refining was not enough")
  func rebuilt() async throws {
    // The first eight dimensions tell sixteen crowds apart, so far that the rows of a crowd share one code there:
    // links into the crowd are all alike, and few lead out. All dimensions order the rows of a crowd.
    let report = try await reportOfSwitch(seed: 12) { hidden, own, crowd in
      own.enumerated().map { $1 + ($0 == crowd % 8 ? (crowd < 8 ? 1000 : -1000) : 0) }
        + (8..<64).map { 40 * hidden[$0 % 8] + 20 * hidden[($0 / 8) % 8] }
    }
    let graph = try #require(report.graph)
    #expect(graph.kind == .rebuilt, "\(graph)")
    #expect(graph.reason.contains("below a scan of the same codes"), "\(graph)")
    #expect(graph.reason.contains("refined it was not enough"), "\(graph)")
  }

  /// Switches 6,000 vectors of 64 dimensions from the first eight of them to all, with a graph, and expects that
  /// the new form finds through its graph what a scan finds.
  ///
  /// - Parameter vector: made of eight hidden numbers, eight of its own and a crowd, 0 ..< 16.
  private func reportOfSwitch(
    seed: UInt64, vector: (_ hidden: [Float], _ own: [Float], _ crowd: Int) -> [Float]
  ) async throws -> SwitchReport {
    let harness = try await EngineHarness()
    let (rows, dimension) = (6_000, 64)
    _ = try await harness.engine.createCollection(
      "two_faced", schema: CollectionSchema(dimension: dimension, metric: .squaredEuclidean))
    var random = SeededGenerator(seed: seed)
    func next() -> [Float] {
      let hidden = random.gaussianFloats(count: 8)
      return vector(hidden, random.gaussianFloats(count: 8), Int.random(in: 0..<16, using: &random))
    }
    let vectors = (0..<rows).map { _ in next() }
    _ = try await harness.engine.write(
      PointBatch(
        ids: (0..<rows).map { .int64(Int64($0)) }, vectors: Array(vectors.joined()), dimension: dimension),
      to: "two_faced", mode: .upsert)
    let queries = Array((0..<200).map { _ in next() }.joined())
    let gate = RecallGateRequest(minimumRecall: 0, queries: queries, dimension: dimension)
    let index = IndexSpecification.hnsw(m: 16, efConstruction: 100)
    var job = try await harness.finish(
      harness.engine.startSwitch(
        "two_faced",
        SwitchRequest(
          specification: EncodingSpecification(
            quantization: .int8, dimensions: 8, transform: .prefix, index: index, oversampling: 1), gate: gate
        )))
    #expect(job.report?.graph?.kind == .built)
    job = try await harness.finish(
      harness.engine.startSwitch(
        "two_faced",
        SwitchRequest(specification: EncodingSpecification(quantization: .int8, index: index), gate: gate)))
    let report = try #require(job.report)
    let (after, flat) = (try #require(report.recallAfter), try #require(report.recallFlat))
    #expect(after.mean >= flat.mean - 0.02, "\(after) through the graph, \(flat) without")
    try await harness.shutDown()
    return report
  }
}
