import Foundation
import MoultEmbedding
import MoultEmbeddingTesting
import MoultEngine
import MoultModel
import MoultTesting
import Synchronization
import Testing

@Suite("Re-embedding")
struct ReembedTests {
  private typealias H = ReembedHarness
  private typealias Fault = @Sendable (StandInEndpoint.Request) -> StandInEndpoint.Fault?

  @Test(
    "every point gets the model's vector of its text, the alias moves, and texts are searched by that model")
  func wholeJob() async throws {
    try await StandInEndpoint.with { endpoint in
      let harness = try await ReembedHarness(endpoint)
      try await harness.addEmbedder(endpoint)
      try await harness.fill("words", count: 5_000)
      try await harness.engine.createAlias("live", collection: "words")
      let plan = try await harness.engine.planReembed(harness.request())
      #expect(plan.points == 5_000 && plan.distinctTexts == 5_000 && plan.cachedTexts == 0)
      #expect(plan.requests == 157)
      #expect(plan.example == H.text("word 0"))
      #expect(endpoint.requestCount == 0)

      let job = try await harness.reembed(harness.request())
      #expect(job.state == .completed, "\(job)")
      let report = try #require(job.embedding)
      #expect(report.texts == 5_000 && report.requests == 157 && report.setAside == 0)
      #expect(report.knownItems == 1)
      #expect(try harness.engine.describeAlias("live") == "words_new")
      try await harness.expectAll("words_new", H.words(5_000))

      for id in [0, 17, 4_999] {
        let answer = try await harness.engine.search(
          texts: [H.text("word \(id)")], SearchRequest(queries: [], dimension: 0, limit: 1), in: "live")
        #expect(answer.hits[0].map(\.id) == [.int64(Int64(id))])
        #expect(answer.servedBy.collection == "words_new")
      }
      // Vectors that are said to be of a model are taken where those of the collection are of it, and only there.
      let query = SearchRequest(
        queries: StandInEndpoint.vector(H.text("word 3")), dimension: StandInEndpoint.dimension, limit: 1)
      let found = try await harness.engine.search(query, ofModel: StandInEndpoint.model, in: "live")
      #expect(found.hits[0].map(\.id) == [.int64(3)])
      // A copy with another form has vectors of the same model.
      let copy = try await harness.engine.startReindex(
        ReindexRequest(
          source: "words_new", target: "words_copy", specification: EncodingSpecification(),
          gate: RecallGateRequest(minimumRecall: 0)))
      #expect(try await harness.finish(copy).state == .completed)
      let copied = try await harness.engine.search(
        texts: [H.text("word 17")], SearchRequest(queries: [], dimension: 0, limit: 1), in: "words_copy")
      #expect(copied.hits[0].map(\.id) == [.int64(17)])
      for (model, name) in [("another", "live"), (StandInEndpoint.model, "words")] {
        await #expect(throws: MoultError.self) {
          _ = try await harness.engine.search(query, ofModel: model, in: name)
        }
      }
      // The same query again costs no call.
      let before = endpoint.requestCount
      _ = try await harness.engine.search(
        texts: [H.text("word 17")], SearchRequest(queries: [], dimension: 0, limit: 1), in: "live")
      #expect(endpoint.requestCount == before)
      try await harness.shutDown()
    }
  }

  @Test("equal texts are sent once, and a later job of the same model sends none of them again")
  func equalTexts() async throws {
    try await StandInEndpoint.with { endpoint in
      let harness = try await ReembedHarness(endpoint)
      try await harness.addEmbedder(endpoint)
      try await harness.fill("words", count: 3_000) { "word \($0 % 700)" }
      let job = try await harness.reembed(harness.request())
      #expect(job.state == .completed, "\(job)")
      let texts = Set((0..<700).map { H.text("word \($0)") })
      // Known items are asked for as queries, and beside the cache.
      let sent = endpoint.sent
      #expect(Set(sent.keys) == texts)
      #expect(job.embedding?.texts == 700)
      #expect(job.embedding?.reused == 2_300)
      let again = try await harness.reembed(harness.request(into: "again") { $0.alias = nil })
      #expect(again.state == .completed, "\(again)")
      #expect(again.embedding?.texts == 0 && again.embedding?.requests == 0)
      let plan = try await harness.engine.planReembed(harness.request(into: "third"))
      #expect(plan.cachedTexts == 700 && plan.requests == 0)
      try await harness.expectAll(
        "again",
        Dictionary(uniqueKeysWithValues: (0..<3_000).map { (Int64($0), "word \($0 % 700)") }))
      try await harness.shutDown()
    }
  }

  @Test("points without a field: refused by name, skipped and counted, or embedded without it")
  func missingFields() async throws {
    try await StandInEndpoint.with { endpoint in
      let harness = try await ReembedHarness(endpoint)
      try await harness.addEmbedder(endpoint)
      try await harness.fill("words", count: 100)
      try await harness.write([(5, #"{"tags":["a"]}"#), (6, #"{"word":7}"#)], to: "words")
      let error = await #expect(throws: MoultError.self) {
        _ = try await harness.engine.startReembed(harness.request())
      }
      #expect(error?.message.contains("point '5'") == true || error?.message.contains("point '6'") == true)
      let skipped = try await harness.reembed(harness.request { $0.missing = .skip })
      #expect(skipped.state == .completed, "\(skipped)")
      #expect(skipped.embedding?.skipped == 2)
      #expect(Set(skipped.embedding?.exceptions.map(\.id) ?? []) == ["5", "6"])
      #expect(try await harness.points(of: "words_new").count == 98)
      let filled = try await harness.reembed(
        harness.request(into: "filled") {
          $0.missing = .empty
          $0.alias = nil
        })
      #expect(filled.state == .completed, "\(filled)")
      #expect(try await harness.points(of: "filled")[.int64(5)]?.vector == StandInEndpoint.vector(": a"))
      try await harness.shutDown()
    }
  }

  @Test("what a job cannot work with is said before it begins")
  func badRequests() async throws {
    try await StandInEndpoint.with { endpoint in
      let harness = try await ReembedHarness(endpoint)
      try await harness.addEmbedder(endpoint)
      try await harness.fill("words", count: 10)
      for (change, word) in [
        ({ $0.embedder = "nobody" }, "nobody"), ({ $0.text = "{nothing}" }, "nothing"),
        ({ $0.text = nil }, "--text"),
        ({ $0.text = "plain" }, "names no field"), ({ $0.budget = 1 }, "price"),
        ({ $0.target = "words" }, "already"), ({ $0.minimumAgreement = 2 }, "minimumAgreement"),
      ] as [((inout ReembedRequest) -> Void, String)] {
        let error = await #expect(throws: MoultError.self) {
          _ = try await harness.engine.startReembed(harness.request("words", change))
        }
        #expect(error?.message.contains(word) == true, "\(error?.message ?? "") for \(word)")
      }
      let elsewhere = await #expect(throws: MoultError.self) {
        try await harness.addEmbedder(endpoint, name: "other") { $0.url = "http://127.0.0.1:9/v1/embeddings" }
      }
      #expect(elsewhere?.message.contains("--embedder-host") == true)
      #expect(endpoint.requestCount == 0)
      try await harness.shutDown()
    }
  }

  @Test("a key goes to the endpoint and nowhere else")
  func keyStaysSecret() async throws {
    let secret = "sk-4f1d0c5e-never-to-be-seen"
    let seen = Mutex(Set<String?>())
    let fault: Fault = { request in
      seen.withLock { _ = $0.insert(request.authorization) }
      return request.number > 1 ? .status(401, body: "Incorrect API key provided: \(secret)") : nil
    }
    try await StandInEndpoint.with(fault) { endpoint in
      let folder = TemporaryDirectory()
      try secret.write(toFile: folder.path + "/key", atomically: true, encoding: .utf8)
      let harness = try await ReembedHarness(endpoint, folder: folder.path)
      try await harness.addEmbedder(endpoint) { $0.keyFile = "key" }
      try await harness.fill("words", count: 100)
      let job = try await harness.reembed(harness.request())
      #expect(job.state == .failed)
      #expect(
        job.error?.contains("401") == true && job.error?.contains(secret) == false, "\(job.error ?? "")")
      #expect(seen.withLock { $0 } == ["Bearer \(secret)"])
      try await harness.shutDown()
      for name in try FileManager.default.subpathsOfDirectory(atPath: harness.directory.path) {
        let data = FileManager.default.contents(atPath: "\(harness.directory.path)/\(name)") ?? Data()
        #expect(data.range(of: Data(secret.utf8)) == nil, "\(name)")
      }
    }
  }

  @Test("a budget pauses the job; resumed it may spend as much again")
  func budget() async throws {
    try await StandInEndpoint.with { endpoint in
      let harness = try await ReembedHarness(endpoint)
      try await harness.addEmbedder(endpoint) {
        $0.pricePerMillionTokens = 1_000_000
        $0.streams = 1
      }
      try await harness.fill("words", count: 500)
      // A text is 4 tokens, of 1 each: 2,000 in all, and 128 a request.
      var job = try await harness.engine.startReembed(harness.request { $0.budget = 700 })
      var pauses = 0
      while !job.state.isFinal {
        job = try await harness.engine.waitForJob(job.id, changedSince: job, seconds: 30)
        guard job.state == .paused else { continue }
        pauses += 1
        #expect(job.progress.phase.contains("budget"))
        let cost = try #require(job.embedding?.cost)
        #expect(cost >= Double(pauses) * 700 && cost < Double(pauses) * (700 + 128))
        job = try await harness.engine.resumeJob(job.id)
      }
      #expect(job.state == .completed, "\(job)")
      #expect(pauses == 2)
      try await harness.expectAll("words_new", H.words(500))
      try await harness.shutDown()
    }
  }

  @Test("stopped and started again, the job sends at most one batch a stream twice")
  func restarts() async throws {
    try await StandInEndpoint.with(latency: .milliseconds(5)) { endpoint in
      let directory = TemporaryDirectory()
      var harness = try await ReembedHarness(directory: directory, endpoint)
      try await harness.addEmbedder(endpoint) { $0.streams = 3 }
      try await harness.fill("words", count: 4_000)
      let job = try await harness.engine.startReembed(harness.request())
      for stop in 1...4 {
        while endpoint.requestCount < stop * 25 { try await Task.sleep(for: .milliseconds(1)) }
        try await harness.shutDown()
        harness = try await ReembedHarness(directory: directory, endpoint)
      }
      let finished = try await harness.finish(try harness.engine.job(job.id))
      #expect(finished.state == .completed, "\(finished)")
      let twice = endpoint.sent.values.reduce(0) { $0 + $1 - 1 }
      #expect(twice <= 4 * 3 * 32 + 200, "\(twice) texts were sent again")
      // What was paid for shortly before a stop is counted too.
      #expect(try #require(finished.embedding).texts >= 4_000)
      try await harness.expectAll("words_new", H.words(4_000))
      try await harness.shutDown()
    }
  }

  @Test(
    "inserts, changed texts, deletes and payload edits while it runs are all in the result",
    arguments: [UInt64(1), 2])
  func liveSource(seed: UInt64) async throws {
    try await StandInEndpoint.with(latency: .milliseconds(2)) { endpoint in
      let harness = try await ReembedHarness(endpoint)
      try await harness.addEmbedder(endpoint)
      try await harness.fill("words", count: 3_000)
      try await harness.engine.createAlias("live", collection: "words")
      let model = Mutex(H.words(3_000))
      let writing = Task {
        var random = SeededGenerator(seed: seed)
        var count = 0
        while !Task.isCancelled {
          let id = Int64.random(in: 0..<3_500, using: &random)
          if UInt8.random(in: 0..<4, using: &random) == 0 {
            _ = try await harness.engine.delete([.int64(id)], from: "live")
            model.withLock { $0[id] = nil }
          } else {
            let word = "changed \(Int.random(in: 0..<2_000, using: &random))"
            // The alias may move to the new collection meanwhile, which takes other vectors.
            do { try await harness.write([(id, H.payload(word))], to: "live") } catch let error as MoultError
              where error.code == .dimensionMismatch
            { break }
            model.withLock { $0[id] = word }
          }
          count += 1
        }
        return count
      }
      let job = try await harness.reembed(harness.request())
      writing.cancel()
      let count = try await writing.value
      #expect(job.state == .completed, "\(job), seed \(seed)")
      #expect(count > 20, "seed \(seed)")
      try await harness.expectAll("words_new", model.withLock { $0 })
      try await harness.shutDown()
    }
  }

  @Test("a file of vectors by id is an embedder too, and answers no texts")
  func vectorFile() async throws {
    try await StandInEndpoint.with { endpoint in
      let folder = TemporaryDirectory()
      let dimension = 3
      var bytes: [UInt8] = []
      // .fvecs: each row its dimension as int32, then its entries.
      for id in 0..<50 {
        withUnsafeBytes(of: Int32(dimension).littleEndian) { bytes += $0 }
        for entry in [Float(id), 1, -1] { withUnsafeBytes(of: entry.bitPattern.littleEndian) { bytes += $0 } }
      }
      try Data(bytes).write(to: URL(fileURLWithPath: folder.path + "/v.fvecs"))
      let ids = (0..<50).map { "\(49 - $0)" }.joined(separator: "\n")
      try ids.write(toFile: folder.path + "/ids.txt", atomically: true, encoding: .utf8)
      let harness = try await ReembedHarness(endpoint, folder: folder.path)
      try await harness.engine.addEmbedder(
        Embedder(name: "new", vectors: "v.fvecs", ids: "ids.txt", dimension: dimension))
      try await harness.fill("words", count: 51)
      let job = try await harness.reembed(
        harness.request {
          $0.text = nil
          $0.maximumSetAside = 1
        })
      #expect(job.state == .completed, "\(job)")
      #expect(job.embedding?.exceptions.map(\.id) == ["50"])
      let points = try await harness.points(of: "words_new")
      #expect(points.count == 50)
      for id in 0..<50 { #expect(points[.int64(Int64(id))]?.vector == [Float(49 - id), 1, -1]) }
      await #expect(throws: MoultError.self) {
        _ = try await harness.engine.search(
          texts: ["x"], SearchRequest(queries: [], dimension: 0, limit: 1), in: "live")
      }
      #expect(endpoint.requestCount == 0)
      try await harness.shutDown()
    }
  }
}
