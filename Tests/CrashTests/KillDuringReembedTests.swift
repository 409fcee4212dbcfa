import Foundation
import MoultEmbeddingTesting
import MoultModel
import MoultServer
import MoultStorage
import MoultTesting
import Testing

@testable import MoultCommand

/// A server process killed with SIGKILL at random moments of a re-embedding. Each time it goes on by itself: no text but
/// those under way is sent again, and in the end every point has the vector of its text.
@Suite("kill -9 during a re-embedding", .serialized)
struct KillDuringReembedTests {
  private static let seed: UInt64 = 0x7265_656d_62
  private static let batch = 32
  private static let streams = 4
  private static let killsWanted = Scale.count(5, soak: 50)
  /// Requests between two kills, at most.
  private static let requestsMax = 40
  /// Enough for all kills to come before the end, most often.
  private static let rows = killsWanted * requestsMax / 2 * batch + 2_800

  @Test("killed at any moment: at most one batch a stream is sent again", .timeLimit(.minutes(60)))
  func kills() async throws {
    try await StandInEndpoint.with(latency: .milliseconds(10)) { endpoint in
      var random = SeededGenerator(seed: Self.seed)
      let directory = TemporaryDirectory()
      let data = directory.path + "/data"
      var server = try await start(data, endpoint)
      let job = try await AdminClient.with(url: server.url, token: nil) { client in
        try await fill(client, endpoint)
        return try await client.startReembed(
          ReembedRequest(
            source: "words", target: "words_new", embedder: "new", text: "{word}", alias: "live",
            gate: RecallGateRequest(minimumRecall: 0)))
      }
      var (kills, killsMeanwhile) = (0, 0)
      for _ in 0..<Self.killsWanted {
        let requests = endpoint.requestCount + Int.random(in: 1...Self.requestsMax, using: &random)
        // The job may end before.
        var isOver = false
        while endpoint.requestCount < requests, !isOver {
          isOver = try await AdminClient.with(url: server.url, token: nil) {
            try await $0.job(job.id).state.isFinal
          }
          try await Task.sleep(for: .milliseconds(1))
        }
        kill(server.processID, SIGKILL)
        await server.stop()
        kills += 1
        if !isOver { killsMeanwhile += 1 }
        server = try await start(data, endpoint)
      }
      try await AdminClient.with(url: server.url, token: nil) { client in
        let finished = try await JobWatcher(client: client, showsProgress: false).follow(client.job(job.id))
        #expect(finished.state == .completed, "seed \(Self.seed): \(finished)")
        let sentAgain = endpoint.sent.values.reduce(0) { $0 + $1 - 1 }
        #expect(endpoint.sent.count == Self.rows)
        #expect(killsMeanwhile >= Self.killsWanted / 2, "seed \(Self.seed)")
        // And 200 texts at the end, as queries.
        #expect(sentAgain <= kills * Self.streams * Self.batch + 200, "seed \(Self.seed)")
        var (read, last): (Int, PointID?) = (0, nil)
        while read < Self.rows {
          let page = try await client.points(
            of: "live", after: last, limit: 5_000, vectors: true, payload: true)
          try #require(!page.ids.isEmpty)
          for (place, id) in page.ids.enumerated() {
            let start = place * StandInEndpoint.dimension
            let vector = Array(page.vectors[start..<start + StandInEndpoint.dimension])
            #expect(vector == StandInEndpoint.vector("word \(id)"), "point \(id)")
            #expect(page.payloads[place] == #"{"word":"word \#(id)"}"#)
          }
          (read, last) = (read + page.ids.count, page.ids.last)
        }
        #expect(read == Self.rows)
      }
      #expect(await server.stop() == 0)
    }
  }

  private func start(_ data: String, _ endpoint: StandInEndpoint) async throws -> ServerProcess {
    try await ServerProcess(
      dataDirectory: data, executable: BuiltExecutable.path,
      arguments: ["--no-auth", "--embedder-host", endpoint.host])
  }

  private func fill(_ client: AdminClient, _ endpoint: StandInEndpoint) async throws {
    _ = try await client.addEmbedder(
      Embedder(
        name: "new", url: endpoint.url, model: StandInEndpoint.model, dimension: StandInEndpoint.dimension,
        batchTexts: Self.batch, streams: Self.streams))
    try await makeWords(client) { #"{"word":"word \#($0)"}"# }
  }

  private func makeWords(_ client: AdminClient, payload: (Int) -> String) async throws {
    _ = try await client.createCollection(
      CreateCollectionRequest(
        name: "words", dimension: 4, metric: .innerProduct, keyKind: .int64, elementType: .float32))
    for first in Swift.stride(from: 0, to: Self.rows, by: 1_000) {
      let ids = first..<min(Self.rows, first + 1_000)
      try await client.upsert(
        PointBatch(
          ids: ids.map { .int64(Int64($0)) }, vectors: ids.flatMap { [Float($0), 1, 2, 3] }, dimension: 4,
          payloads: ids.map(payload)), elementType: .float32, to: "words")
    }
  }

  @Test("killed at any moment of a BM25 fill: it goes on where it was, and all have the vector of their text")
  func killsOfTextVectors() async throws {
    var random = SeededGenerator(seed: Self.seed)
    let directory = TemporaryDirectory()
    let data = directory.path + "/data"
    let texts = ["river stone", "a wolf in the snow", "snow snow snow"]
    func start() async throws -> ServerProcess {
      // Two seconds for all of them.
      try await ServerProcess(
        dataDirectory: data, executable: BuiltExecutable.path,
        arguments: ["--no-auth", "--rows-per-second", "\(Self.rows / 2)"])
    }
    var server = try await start()
    let job = try await AdminClient.with(url: server.url, token: nil) { client in
      try await makeWords(client) { #"{"text":"\#(texts[$0 % 3])"}"# }
      return try await client.startReembed(
        ReembedRequest(
          source: "words", target: nil, field: "words", embedder: "", bm25: TextVector.Weights(),
          text: "{text}"))
    }
    var done: Int64 = 0
    for _ in 0..<Self.killsWanted {
      let rows = done + Int64.random(in: 1...1_500, using: &random)
      let seen = try await AdminClient.with(url: server.url, token: nil) { client in
        var seen = try await client.job(job.id)
        while seen.progress.rowsDone < rows, !seen.state.isFinal {
          try await Task.sleep(for: .milliseconds(1))
          seen = try await client.job(job.id)
        }
        return seen
      }
      #expect(seen.progress.rowsDone >= done, "seed \(Self.seed)")
      done = seen.progress.rowsDone
      kill(server.processID, SIGKILL)
      await server.stop()
      server = try await start()
    }
    try await AdminClient.with(url: server.url, token: nil) { client in
      let finished = try await JobWatcher(client: client, showsProgress: false).follow(client.job(job.id))
      #expect(finished.state == .completed, "seed \(Self.seed): \(finished)")
      // One that is written now has what those have that were filled.
      try await client.upsert(
        PointBatch(
          ids: (0..<3).map { .int64(Int64(Self.rows + $0)) }, vectors: [Float](repeating: 1, count: 12),
          dimension: 4,
          payloads: texts.map { #"{"text":"\#($0)"}"# }), elementType: .float32, to: "words")
    }
    #expect(await server.stop() == 0)
    let opened = try DataDirectory(path: data)
    defer { opened.close() }
    let points = try await opened.read { db in
      let collection = try #require(try opened.catalog.collection(named: "words", in: db))
      return try collection.points.scanLive(afterRow: -1, limit: 100_000, payloads: true, in: db)
    }
    #expect(points.count == Self.rows + 3)
    #expect(Set(points.compactMap(\.payload)).count == 3)
    for point in points.suffix(3) { #expect(point.payload?.contains(#","$sparse:t0":""#) == true) }
  }
}
