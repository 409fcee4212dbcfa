import Foundation
import MoultEmbedding
import MoultEmbeddingTesting
import MoultEngine
import MoultModel
import MoultTesting
import Synchronization
import Testing

@Suite("Re-embedding through an endpoint that fails")
struct ReembedFaultTests {
  private typealias H = ReembedHarness
  private typealias Fault = @Sendable (StandInEndpoint.Request) -> StandInEndpoint.Fault?

  @Test("overload, failures, cut connections, silence and answers out of order: the job ends right")
  func faults() async throws {
    let fault: Fault = { request in
      switch request.number % 20 {
      case 3: .status(429, headers: ["Retry-After": "0"])
      case 7: .status(500)
      case 9: .dropped
      case 12: .status(503, headers: ["Retry-After": "0.01"])
      case 15: .shuffled
      case 16 where request.number < 40: .silence(.seconds(30))
      default: nil
      }
    }
    try await StandInEndpoint.with(fault) { endpoint in
      let harness = try await ReembedHarness(endpoint)
      try await harness.addEmbedder(endpoint) { $0.timeoutSeconds = 0.5 }
      try await harness.fill("words", count: 2_000)
      let job = try await harness.reembed(harness.request())
      #expect(job.state == .completed, "\(job)")
      #expect(try #require(job.embedding).repeated > 5)
      try await harness.expectAll("words_new", H.words(2_000))
      try await harness.shutDown()
    }
  }

  @Test(
    "storms of 429, failures, silence, cut connections, any order, and the endpoint away: only poisoned texts are set aside",
    .timeLimit(.minutes(20)))
  func everythingAtOnce() async throws {
    let rows = Scale.count(10_000, soak: 60_000)
    let away = Duration.seconds(Scale.count(2, soak: 60))
    let poisoned = stride(from: 777, to: rows, by: 10_000).map { "word \($0)" }
    let poison = Set(poisoned.map(H.text))
    let awaySince = Mutex<ContinuousClock.Instant?>(nil)
    let fault: Fault = { request in
      if request.number >= 100 {
        let since = awaySince.withLock { since in
          since = since ?? .now
          return since!
        }
        if since.duration(to: .now) < away { return .dropped }
      }
      if request.texts.contains(where: poison.contains) { return .status(400, body: "bad input") }
      if request.number % 50 < 5 { return .status(429, headers: ["Retry-After": "0.05"]) }
      var random = SeededGenerator(seed: UInt64(request.number))
      return switch Int.random(in: 0..<100, using: &random) {
      case 0..<5: .status(500)
      case 5: .silence(.seconds(30))
      case 6..<8: .dropped
      case 8..<12: .shuffled
      default: nil
      }
    }
    try await StandInEndpoint.with(fault) { endpoint in
      let harness = try await ReembedHarness(endpoint)
      try await harness.addEmbedder(endpoint) { $0.timeoutSeconds = 0.5 }
      try await harness.fill("words", count: rows)
      let job = try await harness.reembed(harness.request { $0.maximumSetAside = poisoned.count })
      #expect(job.state == .completed, "\(job)")
      #expect(job.embedding?.setAside == Int64(poisoned.count))
      #expect(awaySince.withLock { $0 } != nil)
      var words = H.words(rows)
      for (place, word) in poisoned.enumerated() where words[Int64(777 + 10_000 * place)] == word {
        words[Int64(777 + 10_000 * place)] = nil
      }
      #expect(words.count == rows - poisoned.count)
      try await harness.expectAll("words_new", words)
      try await harness.shutDown()
    }
  }

  @Test("a text that the model refuses is found and set aside; without leave nothing goes live")
  func poisonedText() async throws {
    let poison = H.text("word 777")
    let fault: Fault = { $0.texts.contains(poison) ? .status(400, body: "bad input") : nil }
    try await StandInEndpoint.with(fault) { endpoint in
      let harness = try await ReembedHarness(endpoint)
      try await harness.addEmbedder(endpoint)
      try await harness.fill("words", count: 2_000)
      let refused = try await harness.reembed(harness.request())
      #expect(refused.state == .failed)
      #expect(refused.error?.contains("777") == true, "\(refused.error ?? "")")
      #expect(refused.errorCode == MoultError.Code.recallGateFailed.rawValue)
      #expect(!harness.engine.hasCollection("words_new"))

      let sent = endpoint.sent
      let job = try await harness.reembed(harness.request { $0.maximumSetAside = 1 })
      #expect(job.state == .completed, "\(job)")
      #expect(job.embedding?.setAside == 1)
      #expect(job.embedding?.exceptions.map(\.id) == ["777"])
      #expect(job.embedding?.texts == 0)
      var words = H.words(2_000)
      words[777] = nil
      try await harness.expectAll("words_new", words)
      // Only known items were asked for meanwhile.
      #expect(endpoint.sent.values.reduce(0, +) - sent.values.reduce(0, +) <= 200)
      try await harness.shutDown()
    }
  }

  @Test("a text that the model fails at, again and again while others are answered, is set aside too")
  func failingText() async throws {
    let poison = H.text("word 77")
    let fault: Fault = { $0.texts.contains(poison) ? .status(500) : nil }
    try await StandInEndpoint.with(latency: .milliseconds(20), fault) { endpoint in
      let harness = try await ReembedHarness(endpoint)
      try await harness.addEmbedder(endpoint) { $0.batchTexts = 8 }
      // Enough that others are answered while it fails.
      try await harness.fill("words", count: 20_000)
      let job = try await harness.reembed(harness.request { $0.maximumSetAside = 1 })
      #expect(job.state == .completed, "\(job)")
      #expect(job.embedding?.setAside == 1)
      #expect(job.embedding?.exceptions.map(\.id) == ["77"])
      var words = H.words(20_000)
      words[77] = nil
      try await harness.expectAll("words_new", words)
      try await harness.shutDown()
    }
  }

  @Test(
    "a text that the model fails at is found also where nobody else asks beside it: one stream, and the last text"
  )
  func failingLastText() async throws {
    let poison = H.text("word 99")
    let fault: Fault = { $0.texts.contains(poison) ? .status(500) : nil }
    try await StandInEndpoint.with(fault) { endpoint in
      let harness = try await ReembedHarness(endpoint)
      try await harness.addEmbedder(endpoint) {
        $0.batchTexts = 4
        $0.streams = 1
      }
      try await harness.fill("words", count: 100)
      let job = try await harness.reembed(harness.request { $0.maximumSetAside = 1 })
      #expect(job.state == .completed, "\(job)")
      #expect(job.embedding?.exceptions.map(\.id) == ["99"])
      var words = H.words(100)
      words[99] = nil
      try await harness.expectAll("words_new", words)
      try await harness.shutDown()
    }
  }

  @Test("a hundred texts in a row that are refused are set aside, while the endpoint answers others")
  func manyRefusals() async throws {
    let long = Set((100..<200).map { H.text("word \($0)") })
    let fault: Fault = { $0.texts.contains(where: long.contains) ? .status(413) : nil }
    try await StandInEndpoint.with(fault) { endpoint in
      let harness = try await ReembedHarness(endpoint)
      try await harness.addEmbedder(endpoint)
      try await harness.fill("words", count: 200)
      let job = try await harness.reembed(harness.request { $0.maximumSetAside = 100 })
      #expect(job.state == .completed, "\(job)")
      #expect(job.embedding?.setAside == 100)
      try await harness.expectAll("words_new", H.words(100))
      try await harness.shutDown()
    }
  }

  @Test(
    "an endpoint that begins to refuse everything ends the job, and none of its texts is given up for that")
  func refusesEverything() async throws {
    let isRefusing = Mutex(true)
    let fault: Fault = { request in request.number > 20 && isRefusing.withLock { $0 } ? .status(400) : nil }
    try await StandInEndpoint.with(fault) { endpoint in
      let harness = try await ReembedHarness(endpoint)
      try await harness.addEmbedder(endpoint)
      try await harness.fill("words", count: 2_000)
      let job = try await harness.reembed(harness.request { $0.maximumSetAside = 2_000 })
      #expect(job.state == .failed)
      #expect(job.error?.contains("texts in a row") == true, "\(job.error ?? "")")
      isRefusing.withLock { $0 = false }
      let again = try await harness.finish(try await harness.engine.retryJob(job.id))
      #expect(again.state == .completed, "\(again)")
      #expect(again.embedding?.setAside == 0)
      try await harness.expectAll("words_new", H.words(2_000))
      try await harness.shutDown()
    }
  }

  @Test("vectors that are gone from the cache before they were copied are asked for again")
  func lostCache() async throws {
    try await StandInEndpoint.with { endpoint in
      let directory = TemporaryDirectory()
      var harness = try await ReembedHarness(directory: directory, endpoint)
      try await harness.addEmbedder(endpoint)
      try await harness.fill("words", count: 12_000)
      let job = try await harness.engine.startReembed(harness.request())
      var seen = job
      while seen.progress.phase != "copy" {
        seen = try await harness.engine.waitForJob(job.id, changedSince: seen, seconds: 30)
        #expect(!seen.state.isFinal)
      }
      try await harness.shutDown()
      let files = FileManager.default
      for name in try files.contentsOfDirectory(atPath: directory.path) where name.hasPrefix("embeddings") {
        try files.removeItem(atPath: directory.path + "/" + name)
      }
      harness = try await ReembedHarness(directory: directory, endpoint)
      let finished = try await harness.finish(try harness.engine.job(job.id))
      #expect(finished.state == .completed, "\(finished)")
      #expect(endpoint.sent.values.contains { $0 > 1 }, "the cache was not needed any more")
      try await harness.expectAll("words_new", H.words(12_000))
      try await harness.shutDown()
    }
  }

  @Test(
    "what the endpoint gets wrong for good ends the job with what to do; the old collection answers on",
    arguments: [
      (401, "", "key"), (404, "", "url"), (302, "", "Redirects"),
      (200, "<html>Sign in</html>", "not the JSON"),
      (200, #"{"data":[],"model":"stand-in-16"}"#, "0 vectors"),
    ])
  func lastingFaults(status: Int, body: String, expected: String) async throws {
    let fault: Fault = { _ in
      status == 200 ? .body(body) : .status(status, headers: ["Location": "/x"])
    }
    try await StandInEndpoint.with(fault) { endpoint in
      let harness = try await ReembedHarness(endpoint)
      try await harness.addEmbedder(endpoint)
      try await harness.fill("words", count: 100)
      let job = try await harness.reembed(harness.request())
      #expect(job.state == .failed)
      #expect(job.error?.contains(expected) == true, "\(job.error ?? "")")
      #expect(try harness.engine.listCollections().map(\.name) == ["words"])
      try await harness.shutDown()
    }
  }

  @Test("another dimension, another model and an endless answer end the job too")
  func wrongAnswers() async throws {
    let endless: Fault = { $0.number == 1 ? .endless : nil }
    try await StandInEndpoint.with(endless) { endpoint in
      let harness = try await ReembedHarness(endpoint)
      try await harness.addEmbedder(endpoint)
      try await harness.addEmbedder(endpoint, name: "wide") { $0.dimension = 17 }
      try await harness.fill("words", count: 10)
      let endless = try await harness.reembed(harness.request())
      #expect(endless.error?.contains("more than") == true, "\(endless.error ?? "")")
      let wide = try await harness.reembed(harness.request { $0.embedder = "wide" })
      #expect(wide.errorCode == MoultError.Code.dimensionMismatch.rawValue, "\(wide.error ?? "")")
      try await harness.shutDown()
    }
    let other = #"{"data":[{"embedding":[1]}],"model":"gpt"}"#
    let answersAsAnother: Fault = { _ in .body(other) }
    try await StandInEndpoint.with(answersAsAnother) { endpoint in
      let harness = try await ReembedHarness(endpoint)
      try await harness.addEmbedder(endpoint)
      try await harness.fill("words", count: 1)
      let job = try await harness.reembed(harness.request())
      #expect(job.error?.contains("gpt") == true, "\(job.error ?? "")")
      try await harness.shutDown()
    }
  }
}
