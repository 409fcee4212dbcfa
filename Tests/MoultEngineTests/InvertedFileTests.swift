import Foundation
import MoultModel
import MoultStorage
import MoultTesting
import Testing

@testable import MoultEngine

@Suite("A collection with inverted files")
struct InvertedFileTests {
  private static let queries = SampleVectors.queries()

  private func change(
    _ harness: EngineHarness, _ form: EncodingSpecification, minimumRecall: Double = 0.9
  ) async throws -> SwitchReport {
    let gate = RecallGateRequest(
      minimumRecall: minimumRecall, queries: Self.queries, dimension: SampleVectors.dimension)
    let job = try await harness.finish(
      harness.engine.startSwitch("words", SwitchRequest(specification: form, gate: gate)))
    #expect(job.state == .completed, "\(form): \(job.error ?? "")")
    return try #require(job.report)
  }

  @Test(
    "a switch of the codes keeps the lists, whatever the codes, and says so; another number of lists is built"
  )
  func kept() async throws {
    let harness = try await EngineHarness()
    try await harness.importSample("words", rows: 6_000)
    let first = try await change(harness, EncodingSpecification(quantization: .int8, index: .defaultIVF))
    #expect(first.graph?.kind == .built && first.graph?.index == "ivf")
    #expect(try #require(first.recallAfter).mean >= 0.95)
    let forms = [
      EncodingSpecification(quantization: .segmented, bits: 2, index: .defaultIVF),
      EncodingSpecification(quantization: .binary, index: .defaultIVF),
      EncodingSpecification(quantization: .int8, dimensions: 192, transform: .pca, index: .defaultIVF),
      EncodingSpecification(index: .defaultIVF),
      EncodingSpecification(quantization: .int8, index: .defaultIVF),
    ]
    for form in forms {
      let report = try await change(harness, form)
      #expect(report.graph?.kind == .kept && report.graph?.index == "ivf", "\(form)")
      #expect(try #require(report.recallAfter).mean >= 0.95, "\(form)")
    }
    let fewer = EncodingSpecification(quantization: .int8, index: .ivf(lists: 20))
    #expect(try await change(harness, fewer).graph?.kind == .built)
    let graph = EncodingSpecification(quantization: .int8, index: .hnsw(m: 8, efConstruction: 60))
    let report = try await change(harness, graph)
    #expect(report.graph?.kind == .built && report.graph?.index == "hnsw")
    #expect(try await harness.engine.rollback("words").specification.index == .ivf(lists: 20))
    #expect(try await harness.search("words", queries: Self.queries).allSatisfy { $0.count == 10 })
    try await harness.shutDown()
  }

  @Test("probes decide how much is found: one list little, all lists what a scan finds")
  func probes() async throws {
    let harness = try await EngineHarness()
    try await harness.importSample("words", rows: 6_000)
    let exact = try await harness.search("words", queries: Self.queries, exact: true)
    _ = try await change(harness, EncodingSpecification(quantization: .int8, oversampling: 4))
    let scanned = try await harness.search("words", queries: Self.queries)
    _ = try await change(
      harness, EncodingSpecification(quantization: .int8, index: .ivf(lists: 100), oversampling: 4))
    func found(_ probes: Int?) async throws -> [[PointID]] {
      try await harness.engine.search(
        SearchRequest(
          queries: Self.queries, dimension: SampleVectors.dimension, limit: 10, probes: probes), in: "words"
      ).hits.map { $0.map(\.id) }
    }
    func share(_ found: [[PointID]]) -> Double {
      Double(zip(found, exact).reduce(0) { $0 + Set($1.0).intersection($1.1).count })
        / Double(10 * exact.count)
    }
    let one = share(try await found(1))
    let usual = share(try await found(nil))
    #expect(one < 0.7 && usual >= 0.95, "\(one) with one list, \(usual) without a number")
    #expect(try await found(100) == scanned)
    #expect(try await found(65_536) == scanned)
    for wrong in [0, -1, 65_537] {
      await #expect {
        _ = try await found(wrong)
      } throws: { error in
        guard let error = error as? MoultError else { return false }
        return error.code == .invalidArgument && error.message.contains("1 … 65536, got \(wrong)")
      }
    }
    try await harness.shutDown()
  }

  @Test("numbers of lists that cannot be are refused with what can be", arguments: [0, -3, 65_537])
  func wrongLists(lists: Int) async throws {
    let harness = try await EngineHarness()
    await #expect {
      _ = try await harness.engine.createCollection(
        "words", schema: CollectionSchema(dimension: 4),
        specification: EncodingSpecification(index: .ivf(lists: lists)))
    } throws: { error in
      guard let error = error as? MoultError else { return false }
      return error.code == .invalidArgument && error.message.contains("lists in 1 … 65536, got \(lists)")
    }
    try await harness.shutDown()
  }

  @Test("more lists than rows, points that die, and merges: all that lives is found")
  func deletions() async throws {
    let harness = try await EngineHarness(segmentRowsMax: 600)
    try await harness.importSample("words", rows: 2_400)
    _ = try await change(harness, EncodingSpecification(quantization: .int8, index: .ivf(lists: 5_000)))
    _ = try await harness.engine.delete((0..<2_400).filter { $0 % 3 != 0 }.map { .int64($0) }, from: "words")
    try await harness.settle()
    let exact = try await harness.search("words", queries: Self.queries, exact: true)
    let found = try await harness.search("words", queries: Self.queries)
    let hits = zip(found, exact).reduce(0) { $0 + Set($1.0).intersection($1.1).count }
    #expect(Double(hits) >= 0.95 * Double(10 * exact.count), "\(hits) of \(10 * exact.count)")
    #expect(
      try await harness.search("words", queries: Self.queries, limit: 800).allSatisfy { $0.count == 800 })
    try await harness.shutDown()
  }

  @Test("the check of the data directory knows the file, and finds damage in it")
  func damage() async throws {
    let harness = try await EngineHarness()
    try await harness.importSample("words", rows: 1_000)
    _ = try await change(harness, EncodingSpecification(quantization: .int8, index: .defaultIVF))
    try await harness.shutDown()
    let directory = try DataDirectory(path: harness.directory.path)
    let report = directory.check(deep: true)
    #expect(report.isSound && report.orphans.isEmpty, "\(report.problems)")
    let name = try #require(harness.directory.files().first { $0.hasSuffix(".ivf") })
    let path = harness.directory.path + "/" + name
    var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
    bytes[bytes.count - 1] ^= 1
    try bytes.write(to: URL(fileURLWithPath: path))
    #expect(directory.check(deep: true).problems.map(\.path) == [name])
  }

  @Test("automatic: small segments are scanned, larger ones get a graph, and a switch keeps it")
  func automatic() async throws {
    let harness = try await EngineHarness(segmentRowsMax: IndexSpecification.automaticGraphRows)
    let rows = IndexSpecification.automaticGraphRows
    try await harness.importSample("words", rows: rows / 2)
    let form = EncodingSpecification(quantization: .int8, index: .automatic)
    #expect(try await change(harness, form).graph == nil)
    let base = SampleVectors.base(rows)
    let dimension = SampleVectors.dimension
    _ = try await harness.engine.write(
      PointBatch(
        ids: (rows / 2..<rows).map { .int64(Int64($0)) },
        vectors: Array(base[rows / 2 * dimension..<rows * dimension]),
        dimension: dimension), to: "words", mode: .upsert)
    try await harness.settle()
    #expect(harness.directory.files().contains { $0.hasSuffix(".graph") })
    let report = try await change(harness, EncodingSpecification(quantization: .binary, index: .automatic))
    #expect(report.graph?.kind == .kept && report.graph?.index == "hnsw")
    try await harness.shutDown()
  }
}
