import MoultModel
import MoultTesting
import Testing

@testable import MoultEngine

@Suite("Queries of recent searches")
struct RecentQueriesTests {
  @Test("the ring holds the latest queries, each once, and a batch takes a few places only")
  func ring() {
    let recent = RecentQueries(dimension: 2)
    for number in 0..<(RecentQueries.countMax + 50) { recent.record([Float(number), 1], count: 1) }
    var kept = recent.distinct()
    #expect(kept.count == RecentQueries.countMax * 2)
    // Oldest first.
    #expect(
      stride(from: 0, to: kept.count, by: 2).map { kept[$0] }
        == (50..<RecentQueries.countMax + 50).map(Float.init))
    let batch = [Float](repeating: -7, count: 2 * 5_000)
    recent.record(batch, count: 5_000)
    kept = recent.distinct()
    // Sixteen places went to one and the same query.
    #expect(kept.count / 2 == RecentQueries.countMax - 16 + 1)
  }

  @Test("a switch without queries measures on what was searched, and on made-up queries before that")
  func source() async throws {
    let harness = try await EngineHarness()
    try await harness.importSample("words", rows: 3_000)
    let int8 = SwitchRequest(
      specification: EncodingSpecification(quantization: .int8), gate: RecallGateRequest(minimumRecall: 0.9))
    var job = try await harness.finish(harness.engine.startSwitch("words", int8))
    #expect(job.report?.querySource == .perturbedDocuments)
    #expect(job.report?.notes.contains { $0.contains("optimistic") } == true)

    let dimension = SampleVectors.dimension
    let queries = SampleVectors.queries(GateQueries.recentQueriesMin)
    for first in stride(from: 0, to: queries.count, by: dimension) {
      _ = try await harness.search("words", queries: Array(queries[first..<first + dimension]))
    }
    let binary = SwitchRequest(
      specification: EncodingSpecification(quantization: .binary), gate: RecallGateRequest(minimumRecall: 0.8)
    )
    job = try await harness.finish(harness.engine.startSwitch("words", binary))
    let report = try #require(job.report)
    #expect(report.querySource == .recentSearches)
    #expect(report.recallAfter?.queryCount == GateQueries.recentQueriesMin)
    let difference = try #require(report.recallDifference)
    let (before, after) = (try #require(report.recallBefore), try #require(report.recallAfter))
    #expect(abs(difference.mean - (after.mean - before.mean)) < 1e-9)
    #expect(difference.lower <= difference.mean && difference.mean <= difference.upper)
    try await harness.shutDown()
  }

  @Test("a switch that may lose nothing is refused when codes alone are coarser, and says by how much")
  func maximumLoss() async throws {
    let harness = try await EngineHarness()
    try await harness.importSample("words", rows: 3_000)
    let gate = RecallGateRequest(
      minimumRecall: 0, maximumLoss: 0.05, queries: SampleVectors.queries(),
      dimension: SampleVectors.dimension)
    var job = try await harness.finish(
      harness.engine.startSwitch(
        "words",
        SwitchRequest(
          specification: EncodingSpecification(quantization: .binary, oversampling: 1), gate: gate)))
    #expect(job.errorCode == MoultError.Code.recallGateFailed.rawValue)
    #expect(job.error?.contains("may fall by 0.0500") == true, "\(job.error ?? "")")
    job = try await harness.finish(
      harness.engine.startSwitch(
        "words", SwitchRequest(specification: EncodingSpecification(quantization: .int8), gate: gate)))
    #expect(job.state == .completed, "\(job)")
    #expect(job.report?.maximumLoss == 0.05)
    try await harness.shutDown()
  }
}
