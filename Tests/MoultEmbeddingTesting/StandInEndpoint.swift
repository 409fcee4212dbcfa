internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import Logging
internal import MoultTesting
internal import NIOCore
internal import ServiceLifecycle
internal import Synchronization

/// An endpoint that speaks `/v1/embeddings` on a free port, with a model that is a function of the text alone, and with
/// the faults of real ones.
package final class StandInEndpoint: Sendable {
  /// What happens to one request.
  package enum Fault: Sendable {
    case status(Int, headers: [String: String] = [:], body: String = #"{"error":{"message":"no"}}"#)
    /// The connection is cut off in the midst of the answer.
    case dropped
    /// An answer that never ends.
    case endless
    /// Nothing comes for so long.
    case silence(Duration)
    /// The right answer, in another order, as numbers.
    case shuffled
    /// Another text in place of the right answer.
    case body(String)
  }

  /// A request as it came.
  package struct Request: Sendable {
    package var number: Int
    package var texts: [String]
    package var authorization: String?
  }

  package static let dimension = 16
  package static let model = "stand-in-16"

  private struct State {
    var requests = 0
    var sent: [String: Int] = [:]
    var underWay = 0
    var underWayMax = 0
  }

  private let state = Mutex(State())
  package let port: Int
  private let running: Task<Void, any Error>
  private let services: ServiceGroup

  private init(port: Int, running: Task<Void, any Error>, services: ServiceGroup) {
    self.port = port
    self.running = running
    self.services = services
  }

  package var url: String { "http://127.0.0.1:\(port)/v1/embeddings" }
  package var host: String { "127.0.0.1:\(port)" }
  package var requestCount: Int { state.withLock { $0.requests } }
  /// How often each text was asked for in requests that were answered with its vector.
  package var sent: [String: Int] { state.withLock { $0.sent } }
  package var underWayMax: Int { state.withLock { $0.underWayMax } }

  /// The vector of a text: of length 1, in a direction that depends on the text only.
  package static func vector(_ text: String) -> [Float] {
    var seed: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in text.utf8 { seed = (seed ^ UInt64(byte)) &* 0x100_0000_01b3 }
    var random = SeededGenerator(seed: seed)
    return random.unitVector(dimension: dimension)
  }

  /// Serves until `body` is done.
  package static func with<Value: Sendable>(
    latency: Duration = .zero, _ fault: @escaping @Sendable (Request) -> Fault? = { _ in nil },
    _ body: (StandInEndpoint) async throws -> Value
  ) async throws -> Value {
    let slot = Mutex<StandInEndpoint?>(nil)
    let router = Router()
    router.post("v1/embeddings") { request, _ in
      try await slot.withLock { $0 }!.answer(request, latency: latency, fault)
    }
    let (ports, port) = AsyncStream.makeStream(of: Int.self)
    var logger = Logger(label: "stand-in")
    logger.logLevel = .critical
    let application = Application(
      router: router, configuration: .init(address: .hostname("127.0.0.1", port: 0)),
      onServerRunning: { port.yield($0.localAddress?.port ?? 0) }, logger: logger)
    let services = ServiceGroup(services: [application], logger: logger)
    let running = Task { try await services.run() }
    let endpoint = StandInEndpoint(
      port: await ports.first { _ in true } ?? 0, running: running, services: services)
    slot.withLock { $0 = endpoint }
    let outcome: Result<Value, any Error>
    do { outcome = .success(try await body(endpoint)) } catch { outcome = .failure(error) }
    await services.triggerGracefulShutdown()
    running.cancel()
    _ = try? await running.value
    return try outcome.get()
  }

  private struct Body: Decodable {
    var model: String
    var input: [String]
  }

  private func answer(
    _ request: Hummingbird.Request, latency: Duration, _ fault: @Sendable (Request) -> Fault?
  ) async throws -> Response {
    let number = state.withLock { state in
      state.requests += 1
      state.underWay += 1
      state.underWayMax = max(state.underWayMax, state.underWay)
      return state.requests
    }
    defer { state.withLock { $0.underWay -= 1 } }
    let buffer = try await request.body.collect(upTo: 64 << 20)
    let body = try JSONDecoder().decode(Body.self, from: Data(buffer.readableBytesView))
    if latency > .zero { try await Task.sleep(for: latency) }
    let fault = fault(
      Request(number: number, texts: body.input, authorization: request.headers[.authorization]))
    switch fault {
    case .status(let status, let headers, let text):
      var fields = HTTPFields()
      for (name, value) in headers { fields[HTTPField.Name(name)!] = value }
      return Response(
        status: .init(code: status), headers: fields, body: .init(byteBuffer: ByteBuffer(string: text)))
    case .dropped:
      return Response(
        status: .ok,
        body: .init { writer in
          try await writer.write(ByteBuffer(string: #"{"data":[{"embedding":"#))
          throw CancellationError()
        })
    case .endless:
      return Response(
        status: .ok,
        body: .init { writer in
          while true { try await writer.write(ByteBuffer(repeating: 0x20, count: 65_536)) }
        })
    case .silence(let duration):
      try await Task.sleep(for: duration)
      return Response(status: .ok)
    case .body(let text):
      return Response(status: .ok, body: .init(byteBuffer: ByteBuffer(string: text)))
    case .shuffled, nil: break
    }
    guard body.model == Self.model else {
      return Response(status: .notFound, body: .init(byteBuffer: ByteBuffer(string: "no such model")))
    }
    state.withLock { state in
      for text in body.input { state.sent[text, default: 0] += 1 }
    }
    var isShuffled = false
    if case .shuffled? = fault { isShuffled = true }
    return Response(
      status: .ok, body: .init(byteBuffer: ByteBuffer(string: Self.json(body.input, isShuffled: isShuffled))))
  }

  private static func json(_ texts: [String], isShuffled: Bool) -> String {
    var entries = texts.enumerated().map { place, text in
      let vector = vector(text)
      let value =
        isShuffled
        ? "[\(vector.map { "\($0)" }.joined(separator: ","))]"
        : "\"\(vector.withUnsafeBytes { Data($0).base64EncodedString() })\""
      return #"{"object":"embedding","index":\#(place),"embedding":\#(value)}"#
    }
    if isShuffled { entries.reverse() }
    let tokens = texts.reduce(0) { $0 + $1.utf8.count / 4 + 1 }
    return #"{"object":"list","data":[\#(entries.joined(separator: ","))],"model":"\#(model)","#
      + #""usage":{"prompt_tokens":\#(tokens),"total_tokens":\#(tokens)}}"#
  }
}
