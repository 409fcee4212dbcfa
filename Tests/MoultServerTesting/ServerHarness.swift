internal import AsyncHTTPClient
internal import Foundation
package import Logging
package import MoultEngine
package import MoultServer
package import MoultTesting
internal import NIOCore
internal import NIOHTTP1
internal import NIOSSL

/// A real server on a free port with a temporary data directory, and a client for it.
package final class ServerHarness: Sendable {
  /// An answer as it came.
  package struct Answer: Sendable {
    package var status: Int
    package var body: [UInt8]
    let headers: HTTPHeaders

    package func header(_ name: String) -> String? { headers.first(name: name) }

    package var text: String { String(decoding: body, as: UTF8.self) }
    /// The body as JSON; fails the test with the text when it is none.
    package var json: JSON {
      get throws { try JSONReader.parse(body) }
    }
  }

  package enum Method: String {
    case get = "GET"
    case post = "POST"
    case put = "PUT"
    case patch = "PATCH"
    case delete = "DELETE"
    case options = "OPTIONS"
  }

  package let engine: Engine
  /// The port that is spoken to: that of the first further protocol, if there is one.
  package let port: Int
  /// The server's own.
  package let ownPort: Int
  package var url: String { "\(scheme)://127.0.0.1:\(port)" }
  private let scheme: String
  private let token: String?
  private let http: HTTPClient

  private init(
    engine: Engine, scheme: String, port: Int, ownPort: Int, token: String?, http: HTTPClient
  ) {
    self.ownPort = ownPort
    self.scheme = scheme
    self.engine = engine
    self.port = port
    self.token = token
    self.http = http
  }

  /// Serves until `body` is done, then ends the server as SIGTERM would.
  ///
  /// - Parameter trusted: the certificate's file, when `configure` gives the server one.
  package static func with<Value: Sendable>(
    directory: TemporaryDirectory = TemporaryDirectory(), port: Int = 0, token: String? = nil,
    readOnlyToken: String? = nil, trusted: String? = nil,
    bodyBytesMax: Int = ServerConfiguration.defaultBodyBytesMax,
    segmentRowsMax: Int = 65_536, queuedSearchesMax: Int = EngineConfiguration.defaultQueuedSearchesMax,
    logger: Logger? = nil,
    configure: (inout ServerConfiguration) -> Void = { _ in },
    protocols: (Engine) -> [any WireAPI] = { _ in [] },
    ports: (Engine) -> [ProtocolPort] = { _ in [] },
    _ body: @Sendable @escaping (ServerHarness) async throws -> Value
  ) async throws -> Value {
    let logger = logger ?? quietLogger
    var serverConfiguration = ServerConfiguration(
      host: "127.0.0.1", port: port,
      tokens: token.map { AccessTokens(readWrite: $0, readOnly: readOnlyToken) }, bodyBytesMax: bodyBytesMax,
      shutdownSecondsMax: 300)
    configure(&serverConfiguration)
    let engine = try await Engine.open(
      EngineConfiguration(
        dataDirectory: directory.path, computeThreads: 2, segmentRowsMax: segmentRowsMax,
        queuedSearchesMax: queuedSearchesMax),
      logger: logger)
    let server = Server(
      engine: engine, configuration: serverConfiguration,
      protocols: protocols(engine), ports: ports(engine), logger: logger)
    let (ports, port) = AsyncStream.makeStream(of: Int.self)
    let running = Task {
      defer { port.finish() }
      try await server.run(handlesSignals: false) { port.yield($0) }
    }
    guard let port = await ports.first(where: { _ in true }) else {
      try await running.value
      throw HarnessError.didNotStart
    }
    var configuration = HTTPClient.Configuration()
    configuration.httpVersion = .http1Only
    if let trusted {
      var tls = TLSConfiguration.makeClientConfiguration()
      tls.trustRoots = .file(trusted)
      configuration.tlsConfiguration = tls
    }
    let scheme = trusted == nil ? "http" : "https"
    let http = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    let outcome: Result<Value, any Error>
    do {
      outcome = .success(
        try await body(
          ServerHarness(
            engine: engine, scheme: scheme, port: server.protocolPorts.first ?? port, ownPort: port,
            token: token,
            http: http)))
    } catch {
      outcome = .failure(error)
    }
    await server.shutDown()
    try await running.value
    try await http.shutdown()
    withExtendedLifetime(directory) {}
    return try outcome.get()
  }

  private static var quietLogger: Logger {
    var logger = Logger(label: "server-test")
    logger.logLevel = .error
    return logger
  }

  private enum HarnessError: Error {
    case didNotStart
  }

  /// Sends a request, with the server's token unless `headers` say otherwise.
  package func send(
    _ method: Method, _ path: String, _ body: [UInt8]? = nil, type: String = "application/json",
    headers: [(String, String)] = []
  ) async throws -> Answer {
    var request = HTTPClientRequest(url: url + path)
    request.method = HTTPMethod(rawValue: method.rawValue)
    if let token, !headers.contains(where: { $0.0.lowercased() == "authorization" }) {
      request.headers.add(name: "Authorization", value: "Bearer \(token)")
    }
    for (name, value) in headers where !value.isEmpty { request.headers.add(name: name, value: value) }
    if let body {
      request.headers.add(name: "Content-Type", value: type)
      request.body = .bytes(ByteBuffer(bytes: body))
    }
    let response = try await http.execute(request, timeout: .seconds(60))
    let bytes = try await response.body.collect(upTo: 1 << 30)
    return Answer(
      status: Int(response.status.code), body: Array(bytes.readableBytesView), headers: response.headers)
  }

  /// Sends a body whose length is not announced.
  package func sendChunked(
    _ method: Method, _ path: String, _ body: [UInt8], type: String
  ) async throws -> Answer {
    var request = HTTPClientRequest(url: url + path)
    request.method = HTTPMethod(rawValue: method.rawValue)
    if let token { request.headers.add(name: "Authorization", value: "Bearer \(token)") }
    request.headers.add(name: "Content-Type", value: type)
    let parts = stride(from: 0, to: body.count, by: 65_536).map {
      ByteBuffer(bytes: body[$0..<min(body.count, $0 + 65_536)])
    }
    request.body = .stream(
      AsyncStream { continuation in
        for part in parts { continuation.yield(part) }
        continuation.finish()
      }, length: .unknown)
    let response = try await http.execute(request, timeout: .seconds(60))
    let bytes = try await response.body.collect(upTo: 1 << 30)
    return Answer(
      status: Int(response.status.code), body: Array(bytes.readableBytesView), headers: response.headers)
  }

  package func get(_ path: String, headers: [(String, String)] = []) async throws -> Answer {
    try await send(.get, path, headers: headers)
  }

  /// - Parameter json: the body's text.
  package func post(_ path: String, _ json: String, headers: [(String, String)] = []) async throws -> Answer {
    try await send(.post, path, Array(json.utf8), headers: headers)
  }
}
