internal import Foundation
internal import Hummingbird
internal import Logging
internal import MoultServer
internal import NIOCore
internal import Synchronization

/// An endpoint of `/v1/embeddings` for benchmarks: every request takes the same time, so many are answered at once, and
/// vectors cost it next to nothing.
final class ModelStandIn: Sendable {
  static let model = "stand-in"
  /// Different vectors that there are; a text has one of them.
  private static let vectorCount = 4_096

  private struct State {
    /// When the first request after the last look came, and the last one was answered.
    var firstAt: Double?
    var lastAt = 0.0
    var requests = 0
    var texts = 0
    /// Requests that are at work, or wait.
    var slotsFreeAt: [Double]
  }

  /// What came between two looks.
  struct Traffic {
    var requests: Int
    var texts: Int
    /// From the first request to the last answer.
    var seconds: Double
  }

  private let state: Mutex<State>
  private let latency: Double
  private let vectors: [String]
  private let start = ContinuousClock.now

  /// - Parameters:
  ///   - latency: seconds of a request.
  ///   - atOnce: requests at work at the same time; others wait.
  init(dimension: Int, latency: Double, atOnce: Int) {
    self.latency = latency
    state = Mutex(State(slotsFreeAt: Array(repeating: 0, count: atOnce)))
    var word: UInt32 = 1
    vectors = (0..<Self.vectorCount).map { _ in
      let floats = (0..<dimension).map { _ -> Float in
        // Marsaglia's xorshift: any numbers will do.
        word ^= word << 13
        word ^= word >> 17
        word ^= word << 5
        return Float(word) / Float(UInt32.max) - 0.5
      }
      return floats.withUnsafeBytes { Data($0).base64EncodedString() }
    }
  }

  /// Serves on a free port until `body` is done.
  func serve<Value>(_ body: (_ port: Int) async throws -> Value) async throws -> Value {
    let router = Router()
    router.post("v1/embeddings") { request, _ in try await self.answer(request) }
    var logger = Logger(label: "stand-in")
    logger.logLevel = .critical
    let (ports, port) = AsyncStream.makeStream(of: Int.self)
    let application = Application(
      router: router, configuration: .init(address: .hostname("127.0.0.1", port: 0)),
      onServerRunning: { port.yield($0.localAddress?.port ?? 0) }, logger: logger)
    let running = Task { try await application.run() }
    defer { running.cancel() }
    guard let found = await ports.first(where: { _ in true }) else {
      throw CommandFailure(.failure, "the stand-in of a model could not listen on 127.0.0.1")
    }
    return try await body(found)
  }

  /// What came since the last call.
  func takeTraffic() -> Traffic {
    state.withLock { state in
      defer {
        state.firstAt = nil
        state.requests = 0
        state.texts = 0
      }
      return Traffic(
        requests: state.requests, texts: state.texts, seconds: state.lastAt - (state.firstAt ?? state.lastAt))
    }
  }

  private func answer(_ request: Request) async throws -> Response {
    let now = start.duration(to: .now).inSeconds
    let doneAt = state.withLock { state in
      if state.firstAt == nil { state.firstAt = now }
      let slot = state.slotsFreeAt.indices.min { state.slotsFreeAt[$0] < state.slotsFreeAt[$1] }!
      state.slotsFreeAt[slot] = max(now, state.slotsFreeAt[slot]) + latency
      return state.slotsFreeAt[slot]
    }
    let body = try await request.body.collect(upTo: 64 << 20)
    let texts = try JSONReader.parse(Array(body.readableBytesView))["input"]?.array ?? []
    var json = JSONWriter(capacity: texts.count * (vectors[0].utf8.count + 64))
    json.beginObject()
    json.key("data")
    json.beginArray()
    for (place, text) in texts.enumerated() {
      var hash: UInt32 = 2_166_136_261
      for byte in (text.string ?? "").utf8 { hash = (hash ^ UInt32(byte)) &* 16_777_619 }
      json.beginObject()
      json.member("index", place)
      json.member("embedding", vectors[Int(hash % UInt32(Self.vectorCount))])
      json.endObject()
    }
    json.endArray()
    json.member("model", Self.model)
    json.endObject()
    try await Task.sleep(until: start + .seconds(doneAt), clock: .continuous)
    let ended = start.duration(to: .now).inSeconds
    state.withLock { state in
      state.requests += 1
      state.texts += texts.count
      state.lastAt = ended
    }
    return Response(status: .ok, body: .init(byteBuffer: ByteBuffer(bytes: json.bytes)))
  }
}
