import MoultModel
import MoultTesting
import Testing

@testable import MoultEngine

/// A collection beside a dictionary that does the same: whatever was written, deleted, switched, rolled back,
/// merged or reopened, exact search answers as brute force over the dictionary does, and codes come near it.
@Suite("A collection against a model of it")
struct CollectionModelTests {
  private static let dimension = 24
  private static let idRange: ClosedRange<Int64> = 0...1_499

  private struct Model {
    var vectors: [Int64: [Float]] = [:]

    /// Ids of the `k` nearest by inner product, nearest first.
    func nearest(_ query: [Float], k: Int) -> [Int64] {
      let scored = vectors.map { id, vector in
        (id: id, score: zip(query, vector).reduce(0.0) { $0 + Double($1.0) * Double($1.1) })
      }
      return scored.sorted { ($0.score, $1.id) > ($1.score, $0.id) }.prefix(k).map(\.id)
    }
  }

  private static let forms: [EncodingSpecification] = [
    EncodingSpecification(),
    EncodingSpecification(quantization: .int8),
    EncodingSpecification(quantization: .int8, index: .hnsw(m: 8, efConstruction: 48)),
    EncodingSpecification(quantization: .segmented, bits: 4, index: .hnsw(m: 8, efConstruction: 48)),
    EncodingSpecification(quantization: .binary),
    EncodingSpecification(quantization: .int8, index: .ivf(lists: nil)),
    EncodingSpecification(quantization: .segmented, bits: 4, index: .ivf(lists: 12)),
    EncodingSpecification(index: .ivf(lists: nil)),
    EncodingSpecification(quantization: .int4, index: .automatic),
    EncodingSpecification(quantization: .lloyd4, index: .hnsw(m: 8, efConstruction: 48)),
  ]

  @Test("random writes, deletes, switches, rollbacks and restarts", arguments: [1, 2, 3, 4, 5] as [UInt64])
  func randomOperations(seed: UInt64) async throws {
    var random = SeededGenerator(seed: seed)
    let directory = TemporaryDirectory()
    var harness = try await EngineHarness(directory: directory, segmentRowsMax: 128)
    _ = try await harness.engine.createCollection(
      "model", schema: CollectionSchema(dimension: Self.dimension, metric: .innerProduct))
    var model = Model()
    var trace: [String] = []
    for step in 0..<40 {
      switch Int.random(in: 0..<10, using: &random) {
      case 0..<5:
        let ids = Set((0..<Int.random(in: 1...300, using: &random)).map { _ in Self.id(&random) }).sorted()
        let vectors = ids.map { _ in Self.vector(&random) }
        _ = try await harness.engine.write(
          PointBatch(
            ids: ids.map { .int64($0) }, vectors: Array(vectors.joined()), dimension: Self.dimension),
          to: "model", mode: .upsert)
        for (id, vector) in zip(ids, vectors) { model.vectors[id] = vector }
        trace.append("upsert \(ids.count)")
      case 5..<7:
        let ids = Set((0..<Int.random(in: 1...250, using: &random)).map { _ in Self.id(&random) })
        let deleted = try await harness.engine.delete(ids.map { .int64($0) }, from: "model")
        #expect(Set(deleted.ids) == Set(ids.filter { model.vectors[$0] != nil }.map { .int64($0) }))
        for id in ids { model.vectors[id] = nil }
        trace.append("delete \(deleted.ids.count)")
      case 7..<9:
        guard model.vectors.count > 200 else { continue }
        let form = Self.forms.randomElement(using: &random)!
        let job = try await harness.engine.startSwitch(
          "model", SwitchRequest(specification: form, gate: RecallGateRequest(minimumRecall: 0.5)))
        let ended = try await harness.finish(job)
        #expect(ended.state == .completed, "seed \(seed), step \(step), \(trace): \(ended.error ?? "")")
        trace.append("switch \(form.quantization.rawValue) \(form.index.name)")
      default:
        if Bool.random(using: &random) {
          if try harness.engine.describeCollection("model").previousGeneration != nil {
            _ = try await harness.engine.rollback("model")
            trace.append("rollback")
          }
        } else {
          try await harness.shutDown()
          harness = try await EngineHarness(directory: directory, segmentRowsMax: 128)
          trace.append("restart")
        }
      }
      try await check(harness, model, &random, "seed \(seed), step \(step), \(trace)")
    }
    try await harness.settle()
    try await check(harness, model, &random, "seed \(seed), at the end, \(trace)")
    let jobs = try harness.engine.jobs(limit: 1_000)
    #expect(jobs.contains { $0.kind == MergeJob.kind && $0.state == .completed })
    #expect(!jobs.contains { $0.state == .failed }, "\(jobs.filter { $0.state == .failed })")
    try await harness.shutDown()
  }

  @Test("after half of the points were replaced, a graph finds as much as a fresh one")
  func churn() async throws {
    let harness = try await EngineHarness(segmentRowsMax: 1_024)
    let rows = 6_000
    try await harness.importSample("words", rows: rows)
    let form = EncodingSpecification(quantization: .int8, index: .hnsw(m: 16, efConstruction: 100))
    let gate = RecallGateRequest(minimumRecall: 0.5)
    #expect(
      try await harness.finish(
        harness.engine.startSwitch("words", SwitchRequest(specification: form, gate: gate))
      ).state == .completed)
    // Every second point goes and comes back with the vector of a point that was not there before.
    let dimension = SampleVectors.dimension
    let base = SampleVectors.base(rows + rows / 2)
    for first in stride(from: 0, to: rows, by: 600) {
      let ids = stride(from: first, to: first + 600, by: 2).map { Int64($0) }
      _ = try await harness.engine.delete(ids.map { .int64($0) }, from: "words")
      _ = try await harness.engine.write(
        PointBatch(
          ids: ids.map { .int64($0) },
          vectors: ids.flatMap { id in
            let row = rows + Int(id) / 2
            return base[row * dimension..<(row + 1) * dimension]
          }, dimension: dimension), to: "words", mode: .upsert)
    }
    try await harness.settle()
    let queries = SampleVectors.queries()
    let exact = try await harness.search("words", queries: queries, exact: true)
    func measured() async throws -> Double {
      let found = try await harness.search("words", queries: queries)
      let hits = zip(found, exact).reduce(0) { $0 + Set($1.0).intersection($1.1).count }
      return Double(hits) / Double(exact.count * 10)
    }
    let churned = try await measured()
    let fresh = try await harness.finish(
      harness.engine.startReindex(
        ReindexRequest(source: "words", target: "fresh", specification: form, alias: "again", gate: gate)))
    #expect(fresh.state == .completed)
    let found = try await harness.search("fresh", queries: queries)
    let rebuilt =
      Double(zip(found, exact).reduce(0) { $0 + Set($1.0).intersection($1.1).count })
      / Double(exact.count * 10)
    #expect(churned >= rebuilt - 0.01, "\(churned) after the churn, \(rebuilt) built anew")
    try await harness.shutDown()
  }

  private func check(
    _ harness: EngineHarness, _ model: Model, _ random: inout SeededGenerator, _ what: String
  ) async throws {
    #expect(try harness.engine.describeCollection("model").count == model.vectors.count, "\(what)")
    guard !model.vectors.isEmpty else { return }
    let queries = (0..<8).map { _ in Self.vector(&random) }
    var found = 0
    var wanted = 0
    for query in queries {
      let truth = model.nearest(query, k: 10)
      func ids(exact: Bool) async throws -> [Int64] {
        try await harness.engine.search(
          SearchRequest(queries: query, dimension: Self.dimension, limit: 10, exact: exact), in: "model"
        ).hits[0].map { hit in
          guard case .int64(let id) = hit.id else { return -1 }
          return id
        }
      }
      #expect(try await ids(exact: true) == truth, "\(what)")
      found += Set(try await ids(exact: false)).intersection(truth).count
      wanted += truth.count
    }
    #expect(Double(found) >= 0.85 * Double(wanted), "\(found) of \(wanted), \(what)")
  }

  private static func id(_ random: inout SeededGenerator) -> Int64 {
    Int64.random(in: idRange, using: &random)
  }

  private static func vector(_ random: inout SeededGenerator) -> [Float] {
    (0..<dimension).map { _ in Float.random(in: -1...1, using: &random) }
  }
}
