import Foundation
import MoultEmbeddingTesting
import MoultModel
import MoultTesting
import Testing

@testable import MoultEngine

/// What reviews have found in re-embedding.
@Suite("Re-embedding, reviewed")
struct ReviewedEmbeddingTests {
  private typealias H = ReembedHarness
  private typealias Fault = @Sendable (StandInEndpoint.Request) -> StandInEndpoint.Fault?

  @Test("two endpoints that call their models by one name have vectors of their own")
  func modelsOfOneName() async throws {
    try await StandInEndpoint.with { endpoint in
      try await StandInEndpoint.with { other in
        let harness = try await ReembedHarness(endpoint, others: [other])
        try await harness.addEmbedder(endpoint)
        try await harness.addEmbedder(other, name: "other")
        try await harness.fill("words", count: 100)
        #expect(try await harness.reembed(harness.request()).state == .completed)
        let job = try await harness.reembed(
          harness.request(into: "others") {
            $0.embedder = "other"
            $0.alias = nil
          })
        #expect(job.state == .completed, "\(job)")
        #expect(job.embedding?.texts == 100)
        #expect(Set(other.sent.keys).count == 100)
        try await harness.shutDown()
      }
    }
  }

  @Test(
    "a key that an endpoint repeats in an answer of success is not told either, nor a part of it",
    arguments: [
      "<html>$KEY</html>", #"{"data":[],"model":"$KEY"}"#, String(repeating: " ", count: 90) + "$KEY",
    ])
  func keyInSuccess(body: String) async throws {
    let secret = "sk-4f1d0c5e-never-to-be-seen"
    let fault: Fault = { _ in .body(body.replacingOccurrences(of: "$KEY", with: secret)) }
    try await StandInEndpoint.with(fault) { endpoint in
      let folder = TemporaryDirectory()
      try secret.write(toFile: folder.path + "/key", atomically: true, encoding: .utf8)
      let harness = try await ReembedHarness(endpoint, folder: folder.path)
      try await harness.addEmbedder(endpoint) { $0.keyFile = "key" }
      try await harness.fill("words", count: 10)
      let job = try await harness.reembed(harness.request())
      #expect(job.state == .failed)
      let said = try #require(job.error)
      #expect(!said.contains("sk-4"), "\(said)")
      try await harness.shutDown()
    }
  }

  @Test("the cache keeps to its bound when a job has ended, and what the job needs until then")
  func bound() async throws {
    try await StandInEndpoint.with { endpoint in
      let harness = try await ReembedHarness(endpoint, embeddingCacheBytes: 0)
      try await harness.addEmbedder(endpoint)
      try await harness.fill("words", count: 3_000)
      let job = try await harness.reembed(harness.request())
      #expect(job.state == .completed && job.embedding?.texts == 3_000, "\(job)")
      // The job is complete in the same instant in which its collection appears; the cache is trimmed behind that.
      var cached = 3_000
      while cached > 0 {
        cached = try await harness.engine.planReembed(harness.request(into: "again")).cachedTexts
        await Task.yield()
      }
      try await harness.shutDown()
    }
  }

  @Test("a plan needs no name, and knows the pace of the embedder's last job")
  func plan() async throws {
    try await StandInEndpoint.with(latency: .milliseconds(5)) { endpoint in
      let harness = try await ReembedHarness(endpoint)
      try await harness.addEmbedder(endpoint) {
        $0.requestsPerMinute = 60_000
        $0.pricePerMillionTokens = 2
      }
      try await harness.fill("words", count: 640)
      let request = harness.request {
        $0.target = nil
        $0.alias = nil
      }
      let first = try await harness.engine.planReembed(request)
      #expect(first.requests == 20 && first.secondsExpected == nil)
      #expect(abs((first.secondsMin ?? 0) - 0.02) < 1e-9)
      #expect(first.cost == Double(first.tokens) / 1e6 * 2)
      let error = await #expect(throws: MoultError.self) {
        _ = try await harness.engine.startReembed(request)
      }
      #expect(error?.message.contains("target") == true)
      #expect(try await harness.reembed(harness.request()).state == .completed)
      try await harness.write([(1, H.payload("changed")), (2, H.payload("changed"))], to: "words")
      let second = try await harness.engine.planReembed(request)
      #expect(second.distinctTexts == 639 && second.cachedTexts == 638 && second.requests == 1)
      // A quarter of one request, as four streams share them.
      let expected = try #require(second.secondsExpected)
      #expect(expected >= 0.005 / 4 && expected < 1, "\(expected)")
      try await harness.shutDown()
    }
  }

  @Test("a job that is tried again with another embedder of the same name ends and says so")
  func anotherOfTheName() async throws {
    let fault: Fault = { _ in .status(401) }
    try await StandInEndpoint.with(fault) { endpoint in
      let harness = try await ReembedHarness(endpoint)
      try await harness.addEmbedder(endpoint)
      try await harness.fill("words", count: 10)
      let job = try await harness.reembed(harness.request())
      #expect(job.state == .failed)
      try await harness.engine.removeEmbedder("new")
      let gone = try await harness.finish(try await harness.engine.retryJob(job.id))
      #expect(gone.error?.contains("no embedder 'new'") == true, "\(gone.error ?? "")")
      try await harness.addEmbedder(endpoint) { $0.queryPrefix = "other: " }
      let again = try await harness.finish(try await harness.engine.retryJob(job.id))
      #expect(again.state == .failed)
      #expect(again.error?.contains("another one") == true, "\(again.error ?? "")")
      #expect(try harness.engine.listCollections().map(\.name) == ["words"])
      try await harness.shutDown()
    }
  }

  @Test("jobs of an embedder share one pace, as long as it is that embedder")
  func sharedPace() throws {
    let table = EmbedderTable()
    var embedder = Embedder(name: "e", url: "http://h/v1", model: "m", dimension: 4, requestsPerMinute: 60)
    let pace = table.pace(of: embedder)
    #expect(table.pace(of: embedder) === pace)
    let now = SharedEmbeddingPace.now
    // Ten at once, then one a second, whoever asks.
    for _ in 0..<10 { pace { $0.sent(tokens: 1, now: now) } }
    #expect(table.pace(of: embedder)({ $0.sendsAt(tokens: 1, now: now) }) > now + 0.9)
    embedder.requestsPerMinute = 120
    #expect(table.pace(of: embedder) !== pace)
  }

  private struct Pieces: AsyncSequence, AsyncIteratorProtocol {
    var parts: ArraySlice<[UInt8]>
    mutating func next() async -> [UInt8]? { parts.popFirst() }
    func makeAsyncIterator() -> Pieces { self }
  }

  @Test("a backup brings embedders and whose vectors are whose along; another one of the name is left alone")
  func backup() async throws {
    try await StandInEndpoint.with { endpoint in
      let harness = try await ReembedHarness(endpoint)
      try await harness.addEmbedder(endpoint)
      try await harness.fill("words", count: 200)
      #expect(try await harness.reembed(harness.request()).state == .completed)
      let running = try await harness.engine.startBackup()
      var parts: [[UInt8]] = []
      while let part = try await running.next() { parts.append(part) }
      try await harness.shutDown()

      let fresh = try await ReembedHarness(endpoint)
      _ = try await fresh.engine.restore(Pieces(parts: parts[...]))
      #expect(fresh.engine.embedders.map(\.name) == ["new"])
      #expect(try fresh.engine.embedder(of: "words") == nil)
      let answer = try await fresh.search("live", text: H.text("word 17"))
      #expect(answer.hits[0].map(\.id) == [.int64(17)])
      try await fresh.shutDown()
      // It is on the disk too.
      let reopened = try await ReembedHarness(directory: fresh.directory, endpoint)
      #expect(try reopened.engine.embedder(of: "words_new")?.name == "new")
      try await reopened.shutDown()

      let other = try await ReembedHarness(endpoint)
      try await other.addEmbedder(endpoint) { $0.queryPrefix = "query: " }
      _ = try await other.engine.restore(Pieces(parts: parts[...]))
      #expect(try other.engine.embedder(of: "words_new") == nil)
      await #expect(throws: MoultError.self) { _ = try await other.search("live", text: "x") }
      try await other.shutDown()
    }
  }
}
