import MoultCompute
import MoultEmbeddingTesting
import MoultModel
import MoultStorage
import MoultTesting
import Synchronization
import Testing

@testable import MoultEngine

@Suite("Bridge between models")
struct ModelBridgeTests {
  private typealias H = ReembedHarness
  private typealias Fault = @Sendable (StandInEndpoint.Request) -> StandInEndpoint.Fault?
  private static let dimension = StandInEndpoint.dimension

  /// An old model that is a linear view of the new one, bent and with noise, as two models of one language are.
  private static func oldVectors(_ texts: [String]) -> [Float] {
    var random = SeededGenerator(seed: 5)
    // Some reflections are a rotation.
    let mirrors = (0..<8).map { _ in random.unitVector(dimension: dimension) }
    return texts.flatMap { text in
      var vector = StandInEndpoint.vector(text)
      for mirror in mirrors {
        let product = zip(vector, mirror).reduce(Float(0)) { $0 + $1.0 * $1.1 }
        vector = zip(vector, mirror).map { $0 - 2 * product * $1 }
      }
      return vector.enumerated().map { place, entry in
        entry * (0.7 + 0.04 * Float(place)) + 0.03 * random.gaussian()
      }
    }
  }

  private func fill(_ harness: ReembedHarness, _ count: Int) async throws {
    _ = try await harness.engine.createCollection(
      "words", schema: CollectionSchema(dimension: Self.dimension))
    let words = (0..<count).map { "word \($0)" }
    _ = try await harness.engine.write(
      PointBatch(
        ids: (0..<count).map { .int64(Int64($0)) }, vectors: Self.oldVectors(words.map(H.text)),
        dimension: Self.dimension, payloads: words.map(H.payload)), to: "words", mode: .upsert)
    try await harness.engine.createAlias("live", collection: "words")
  }

  /// Ids of the ten points that are nearest by the new model alone.
  private static func truth(_ text: String, _ count: Int) -> Set<PointID> {
    let query = StandInEndpoint.vector(text)
    let scores = (0..<count).map { id in
      (zip(query, StandInEndpoint.vector(H.text("word \(id)"))).reduce(0) { $0 + $1.0 * $1.1 }, id)
    }
    return Set(scores.sorted { $0.0 > $1.0 }.prefix(10).map { .int64(Int64($0.1)) })
  }

  @Test("while the new model's vectors are made, its queries are answered from the old ones, by either name")
  func answersBeforeTheEnd() async throws {
    let isBlocked = Mutex(true)
    let count = 2_000
    // A sample is embedded, and a little more; queries come through.
    let fault: Fault = { request in
      request.number > 30 && request.texts.count > 1 && isBlocked.withLock { $0 }
        ? .status(429, headers: ["Retry-After": "0.05"]) : nil
    }
    try await StandInEndpoint.with(fault) { endpoint in
      let harness = try await ReembedHarness(endpoint)
      let engine = harness.engine
      try await harness.addEmbedder(endpoint)
      try await fill(harness, count)
      let job = try await engine.startReembed(harness.request())
      var open: BridgeReport?
      while open == nil {
        #expect(!(try engine.job(job.id).state.isFinal))
        open = try engine.jobStatus(job.id).job.embedding?.bridge
        if open == nil { try await Task.sleep(for: .milliseconds(5)) }
      }
      let report = try #require(open)
      #expect(report.newModel == StandInEndpoint.model && report.oldModel == nil && report.pairs == 500)
      #expect(report.recall.mean > 0.6 && report.recall.mean > (report.recallUnmapped?.mean ?? 0) + 0.3)

      var found = 0
      var use = BridgeUse(model: "")
      for number in 0..<20 {
        let text = "a query, number \(number)"
        let answer = try await harness.search("live", text: text, model: StandInEndpoint.model, limit: 10)
        found += Self.truth(text, count).intersection(answer.hits[0].map(\.id)).count
        let bridge = try #require(answer.bridge)
        use.rescored += bridge.rescored
        use.estimated += bridge.estimated
        #expect(answer.servedBy.collection == "words")
        // Under the name of what is being made, and with a vector, it is the same question.
        let target = try await harness.search("words_new", text: text, limit: 10)
        #expect(target.hits == answer.hits)
        let vector = try await engine.search(
          SearchRequest(queries: StandInEndpoint.vector(text), dimension: Self.dimension, limit: 10),
          ofModel: "new", in: "words")
        #expect(vector.hits == answer.hits)
      }
      #expect(found > 140, "\(found) of 200")
      #expect(use.rescored > 20 && use.estimated > 20 && use.rescored + use.estimated == 200, "\(use)")
      // The rest of a request is kept to.
      let even = Set((0..<count).filter { $0 % 2 == 0 }.map { PointID.int64(Int64($0)) })
      let window = try await engine.search(
        texts: ["a query, number 0"], ofModel: "new",
        SearchRequest(
          queries: [], dimension: 0, limit: 3, offset: 2, filter: .ids(even), includePayload: true),
        in: "live")
      #expect(window.hits[0].count == 3 && even.isSuperset(of: window.hits[0].map(\.id)))
      #expect(window.hits[0].allSatisfy { $0.payload?.contains("word") == true && $0.vector == nil })

      for (name, model) in [("live", "another"), ("words_new", "another"), ("live", nil)] {
        await #expect(throws: MoultError.self) {
          _ = try await harness.search(name, text: "x", model: model)
        }
      }
      isBlocked.withLock { $0 = false }
      let done = try await harness.finish(job)
      #expect(done.state == .completed, "\(done)")
      #expect(done.embedding?.bridge == report)
      #expect(done.embedding?.texts == Int64(count) && done.embedding?.reused == 0)
      let after = try await harness.search("live", text: "a query, number 0", limit: 10)
      #expect(after.bridge == nil && Set(after.hits[0].map(\.id)) == Self.truth("a query, number 0", count))
      await #expect(throws: MoultError.self) {
        _ = try await harness.search("words", text: "x", model: "new")
      }
      try await harness.shutDown()
    }
  }

  private func fitted(oldModel: String?) throws -> ModelBridge {
    let texts = (0..<200).map { "text \($0)" }
    return try ModelBridge.fit(
      ModelBridge.Pairs(
        old: Self.oldVectors(texts), new: texts.flatMap { StandInEndpoint.vector($0) }, count: texts.count),
      oldDimension: Self.dimension, newDimension: Self.dimension, oldMetric: .cosine, newMetric: .cosine,
      oldModel: oldModel, newModel: "new", seed: 1, parallel: .serial)
  }

  @Test(
    "stored maps are read again, and only between the models and in the direction that they were fitted for")
  func stored() throws {
    let bridge = try fitted(oldModel: "old")
    let stored = try bridge.stored()
    func read(
      _ stored: EmbeddingCache.Bridge, old: String? = "old", new: String = "new",
      dimension: Int = Self.dimension
    ) throws -> ModelBridge {
      try ModelBridge(
        stored, oldDimension: dimension, newDimension: dimension, oldModel: old, newModel: new)
    }
    let again = try read(stored)
    #expect(again.report == bridge.report)
    let query = StandInEndpoint.vector("q")
    #expect(
      try again.queries.map(query, as: ModelBridge.queryUse)
        == bridge.queries.map(query, as: ModelBridge.queryUse))
    var swapped = stored
    swap(&swapped.queries, &swapped.documents)
    var cut = stored
    cut.queries.removeLast()
    for (body, code) in [
      ({ try read(stored, old: "new", new: "old") }, .invalidArgument),
      ({ try read(stored, old: nil) }, .invalidArgument), ({ try read(swapped) }, .invalidArgument),
      ({ try read(stored, dimension: 8) }, .dimensionMismatch), ({ try read(cut) }, .corrupted),
    ] as [(() throws -> ModelBridge, MoultError.Code)] {
      let error = #expect(throws: MoultError.self) { _ = try body() }
      #expect(error?.code == code, "\(error?.message ?? "")")
    }
    // The direction is asked for at every use.
    #expect(throws: MoultError.self) { _ = try bridge.documents.map(query, as: ModelBridge.queryUse) }
  }

  @Test("few points need no bridge, many no more than a bounded sample")
  func pairCounts() {
    func count(_ rows: Int, _ old: Int, _ new: Int) -> Int? {
      ModelBridge.pairCount(rows: rows, oldDimension: old, newDimension: new)
    }
    #expect(count(399, 16, 16) == nil && count(400, 16, 16) == 100)
    #expect(count(1_000_000, 16, 16) == 1_000 && count(1_000_000, 384, 256) == 3_072)
    #expect(count(1_000_000, 768, 4_096) == 8_192 && count(2_000, 384, 384) == 500)
  }
}
