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
        #expect(report.indexSeconds < 0.5)
        #expect(try #require(report.recallAfter).mean >= 0.95, "\(code)")
      }
    }
    try await harness.shutDown()
  }

  @Test("a graph that does not serve the new codes is found out against a scan, and rebuilt")
  func rebuilt() async throws {
    let harness = try await EngineHarness()
    let rows = 6_000
    // Neighbours in the first eight dimensions have nothing to do with those in all: a graph of the one is noise
    // to the other.
    let dimension = 64
    _ = try await harness.engine.createCollection(
      "two_faced", schema: CollectionSchema(dimension: dimension, metric: .squaredEuclidean))
    var random = SeededGenerator(seed: 11)
    func vector() -> [Float] {
      let hidden = random.gaussianFloats(count: 8)
      // Eight numbers of their own, then combinations of eight others.
      return random.gaussianFloats(count: 8)
        + (8..<dimension).map { 40 * hidden[$0 % 8] + 20 * hidden[($0 / 8) % 8] }
    }
    let vectors = (0..<rows).map { _ in vector() }
    _ = try await harness.engine.write(
      PointBatch(
        ids: (0..<rows).map { .int64(Int64($0)) }, vectors: Array(vectors.joined()), dimension: dimension),
      to: "two_faced", mode: .upsert)
    let queries = Array((0..<200).map { _ in vector() }.joined())
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
    let graph = try #require(report.graph)
    let (after, flat) = (try #require(report.recallAfter), try #require(report.recallFlat))
    #expect(after.mean >= flat.mean - 0.02, "\(after) through the graph, \(flat) without")
    #expect(graph.kind == .rebuilt && graph.reason.contains("below a scan of the same codes"), "\(graph)")
    try await harness.shutDown()
  }
}
