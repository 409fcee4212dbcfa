import MoultEngine
import MoultModel
import MoultServerTesting
import MoultTesting
import NIOCore
import Testing

@testable import MoultServer

/// Clients that keep a connection without using it. What must happen is that the server closes: ``RawConnection``
/// gives `nil` where it did not in a long time.
@Suite("Slow clients")
struct SlowClientTests {
  private static func serve(_ body: @Sendable @escaping (ServerHarness) async throws -> Void) async throws {
    let api = WaitingAPI()
    try await ServerHarness.with(
      configure: { $0.pace = Pace(patienceSeconds: 2, bytesPerSecondMin: 1 << 20) },
      protocols: { _ in [api] }, body)
  }

  @Test(
    "of HTTP/1.1 are cut off, with 408 where they can still hear it",
    arguments: [
      ("", false), ("G", true), ("GET /healthz HTTP/1.1\r\nHost: ", true),
      ("GET /healthz HTTP/1.1\r\nHost: x\r\nX: y\r\n", true),
      ("POST /test/read HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc", true),
      ("POST /moult/v1/aliases HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", true),
    ])
  func http1(bytes: String, hears: Bool) async throws {
    try await Self.serve { server in
      let answer = try #require(await RawConnection(port: server.port).exchange([Array(bytes.utf8)]))
      #expect(String(decoding: answer, as: UTF8.self).hasPrefix(hears ? "HTTP/1.1 408" : ""))
      #expect(answer.isEmpty || hears)
      if hears {
        #expect(!(try await server.get("/metrics").text.contains("moult_connections_cut_total 0\n")))
      }
    }
  }

  @Test("of HTTP/1.1 are cut off although they never pause: a byte now and then is no progress")
  func drip() async throws {
    try await Self.serve { server in
      let head = Array("GET /healthz HTTP/1.1\r\nHost: x\r\n".utf8)
      let drops = (0..<2000).map { _ in Array("A: b\r\n".utf8) }
      do {
        let connection = try RawConnection(port: server.port)
        let answer = await connection.exchange([head] + drops, pauseMilliseconds: 10)
        #expect(answer != nil)
      }
      let post = Array("POST /test/read HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n".utf8)
      let bytes = (0..<2000).map { _ in [UInt8(32)] }
      do {
        let connection = try RawConnection(port: server.port)
        let answer = await connection.exchange([post] + bytes, pauseMilliseconds: 10)
        #expect(answer != nil)
      }
    }
  }

  @Test("a connection that is kept for the next request is left alone; a request begun on it is not")
  func keptAlive() async throws {
    try await Self.serve { server in
      let connection = try RawConnection(port: server.port)
      let health = Array("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n".utf8)
      for _ in 0..<2 {
        let answer = await connection.exchange([health]) {
          String(decoding: $0, as: UTF8.self).contains("ok")
        }
        #expect(String(decoding: answer ?? [], as: UTF8.self).hasPrefix("HTTP/1.1 200"))
        try await Task.sleep(for: .milliseconds(3000))
      }
      let cut = try #require(await connection.exchange([Array("GET /hea".utf8)]))
      #expect(String(decoding: cut, as: UTF8.self).hasPrefix("HTTP/1.1 408"))
    }
  }

  private static let halves: [[UInt8]] = {
    let settings = Array(Frame.opening.dropFirst(Frame.preface.count))
    let ping = Array(Frame.ping(1).prefix(12))
    let headers = Frame.headers("/test.Waiting/Read", stream: 1)
    let cut: [UInt8] = [0, 1, 0, 0]
    return [
      Array(Frame.preface.prefix(10)), Frame.preface, Frame.preface + Array(settings.prefix(5)),
      Frame.opening + cut, Frame.opening + ping, Frame.opening + headers + cut,
      // Headers that go on in a frame that never comes.
      Frame.opening + Frame.frame(1, 0, 1, [0x83]),
    ]
  }()

  @Test("of HTTP/2 are cut off where they leave something half said", arguments: Self.halves)
  func http2(bytes: [UInt8]) async throws {
    try await Self.serve { server in
      do {
        let connection = try RawConnection(port: server.port)
        let answer = await connection.exchange([bytes])
        #expect(answer != nil)
      }
    }
  }

  @Test("a call whose message does not come is ended; its connection and an idle one live on")
  func stream() async throws {
    try await Self.serve { server in
      let connection = try RawConnection(port: server.port)
      let answers = try await connection.answers([
        Frame.opening + Frame.headers("/test.Waiting/Read", stream: 1)
          + Frame.data(Frame.message([1], claiming: 1000), stream: 1, ends: false)
      ])
      #expect(answers.status() == "4")
      #expect(!answers.saysGoodbye)
      try await Task.sleep(for: .milliseconds(3000))
      let bytes = await connection.exchange([Frame.ping(1)]) { ((try? Answers($0))?.pings ?? 0) > 0 }
      #expect(try Answers(bytes ?? []).pings == 1)
    }
  }

  @Test("who does not read an answer of HTTP/1.1 is cut off")
  func reader() async throws {
    try await Self.serve { server in
      // Not over HTTP: on a busy machine this would be a slow client too.
      _ = try await server.engine.createCollection(
        "big", schema: CollectionSchema(dimension: 1024, metric: .squaredEuclidean))
      _ = try await server.engine.write(
        PointBatch(
          ids: (0..<8000).map { .int64($0) }, vectors: [Float](repeating: 1, count: 8000 * 1024),
          dimension: 1024),
        to: "big", mode: .upsert)
      let lazy = try RawConnection(port: server.port)
      let request = "GET /moult/v1/collections/big/points?limit=10000 HTTP/1.1\r\nHost: x\r\n\r\n"
      _ = await lazy.exchange([Array(request.utf8)]) { _ in true }
      while try await server.get("/metrics").text.contains("moult_connections_cut_total 0\n") {
        try await Task.sleep(for: .milliseconds(50))
      }
      withExtendedLifetime(lazy) {}
    }
  }

  @Test("who does not read the answer of a call loses the call")
  func callReader() async throws {
    let api = WaitingAPI()
    try await ServerHarness.with(
      configure: { $0.pace = Pace(patienceSeconds: 2, bytesPerSecondMin: 1 << 20) },
      protocols: { _ in [api] },
      { server in
        api.go.continuation.yield()
        // A window of 65,535 bytes, which this client never widens, for an answer of 200,000.
        let message = Frame.message([UInt8](repeating: 1, count: 200_000))
        let parts = stride(from: 0, to: message.count, by: 16_384).map {
          Frame.data(
            Array(message[$0..<min($0 + 16_384, message.count)]), stream: 1,
            ends: $0 + 16_384 >= message.count)
        }
        let reset: @Sendable ([UInt8]) -> Bool = { bytes in (try? Answers(bytes).reset.contains(1)) ?? false }
        let bytes = try await RawConnection(port: server.port).exchange(
          [Frame.opening + Frame.headers("/test.Waiting/Read", stream: 1) + parts.flatMap { $0 }],
          isEnough: reset)
        #expect(reset(bytes ?? []))
      })
  }

  @Test("a boundary of frames is where whole frames end, whatever the pieces in which they come")
  func boundaries() {
    var random = SeededGenerator(seed: 4)
    for _ in 0..<300 {
      var bytes = Frame.opening
      var ends: Set = [bytes.count]
      for _ in 0..<Int.random(in: 0...4, using: &random) {
        let goesOn = Bool.random(using: &random)
        let payload = [UInt8](repeating: 7, count: .random(in: 0...300, using: &random))
        if goesOn {
          bytes += Frame.frame(1, 0, 1, payload)
          bytes += Frame.frame(9, 4, 1, payload)
        } else {
          bytes += Frame.frame([0, 1, 6].randomElement(using: &random)!, 4, 1, payload)
        }
        ends.insert(bytes.count)
      }
      var boundary = FrameBoundary()
      var index = 0
      while index < bytes.count {
        let next = min(bytes.count, index + .random(in: 1...40, using: &random))
        boundary.read(bytes[index..<next])
        index = next
        #expect(boundary.isComplete == ends.contains(index), "\(index) of \(ends.sorted())")
      }
    }
  }
}
