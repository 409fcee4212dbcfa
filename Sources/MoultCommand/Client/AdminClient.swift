internal import AsyncHTTPClient
internal import Foundation
internal import MoultModel
internal import NIOCore
internal import NIOHTTP1
internal import NIOSSL

/// Moult's admin API over HTTP.
///
/// Errors are `CommandFailure`s that name the server and say what to do. Only reads are tried again when
/// nobody answers: a write may have happened although its answer was lost.
struct AdminClient: Sendable {
  /// An answer as it came.
  struct Answer: Sendable {
    var status: Int
    var body: ByteBuffer
    /// From the headers `moult-collection` and `moult-generation`.
    var servedBy: ServedBy?
  }

  /// Scheme, host and port, without a slash at the end.
  let url: String
  let token: String?
  let http: HTTPClient

  /// Answers larger than this are refused: a page of an export stays far below.
  private static let answerBytesMax = 1 << 30
  private static let attemptsMax = 3

  /// - Parameter caCertificate: a file in PEM that vouches for the server; without one the system's list does.
  /// - Throws: a usage failure when `url` is no HTTP address, or the file cannot be read.
  init(url: String, token: String?, caCertificate: String? = nil) throws {
    var url = url
    while url.last == "/" { url.removeLast() }
    guard let parsed = URL(string: url), let scheme = parsed.scheme, ["http", "https"].contains(scheme),
      parsed.host() != nil
    else {
      throw CommandFailure(
        .usage, "--url must look like http://127.0.0.1:19530, got '\(url)'",
        next: "give --url or set MOULT_URL")
    }
    self.url = url
    self.token = token
    var configuration = HTTPClient.Configuration()
    configuration.timeout.connect = .seconds(5)
    configuration.connectionPool.idleTimeout = .seconds(60)
    configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 64
    configuration.connectionPool.retryConnectionEstablishment = false
    configuration.httpVersion = .http1Only
    if let caCertificate {
      do { _ = try NIOSSLCertificate.fromPEMFile(caCertificate) } catch {
        throw CommandFailure(
          .usage,
          "--ca-certificate: '\(caCertificate)' should hold a certificate as PEM, and cannot be read: \(error)"
        )
      }
      var tls = TLSConfiguration.makeClientConfiguration()
      tls.trustRoots = .file(caCertificate)
      configuration.tlsConfiguration = tls
    }
    http = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
  }

  func shutdown() async { try? await http.shutdown() }

  /// Runs `body` with a client and shuts it down afterwards.
  static func with<Value>(
    url: String, token: String?, caCertificate: String? = nil, _ body: (AdminClient) async throws -> Value
  ) async throws -> Value {
    let client = try AdminClient(url: url, token: token, caCertificate: caCertificate)
    do {
      let value = try await body(client)
      await client.shutdown()
      return value
    } catch {
      await client.shutdown()
      throw error
    }
  }

  // MARK: Requests

  func get<Value: Decodable>(
    _ path: String, query: [(String, String)] = [], timeout: Duration = .seconds(60)
  ) async throws -> Value {
    try decode(try await send(.GET, path, query: query, timeout: timeout))
  }

  func post<Value: Decodable>(
    _ path: String, _ body: some Encodable, timeout: Duration = .seconds(60)
  ) async throws -> Value {
    try decode(try await send(.POST, path, json: body, timeout: timeout))
  }

  func send(
    _ method: HTTPMethod, _ path: String, query: [(String, String)] = [], json: some Encodable,
    timeout: Duration = .seconds(60)
  ) async throws -> Answer {
    let bytes = ByteBuffer(bytes: Array(try JSONEncoder().encode(json)))
    return try await send(
      method, path, query: query, body: (bytes, "application/json"), timeout: timeout)
  }

  /// - Throws: a `CommandFailure` for every answer that is no 2xx, and when there is none.
  func send(
    _ method: HTTPMethod, _ path: String, query: [(String, String)] = [],
    body: (bytes: ByteBuffer, type: String)? = nil, timeout: Duration = .seconds(60)
  ) async throws -> Answer {
    var request = request(method, path, query)
    if let body {
      request.headers.add(name: "content-type", value: body.type)
      request.body = .bytes(body.bytes)
    }
    let answer = try await perform(request, timeout: timeout)
    guard (200..<300).contains(answer.status) else { throw Self.failure(of: answer, method, path) }
    return answer
  }

  func request(_ method: HTTPMethod, _ path: String, _ query: [(String, String)]) -> HTTPClientRequest {
    var request = HTTPClientRequest(url: url + path + Self.queryString(query))
    request.method = method
    if let token { request.headers.add(name: "authorization", value: "Bearer \(token)") }
    if let requester = Environment.requester {
      request.headers.add(name: "moult-requester", value: requester)
    }
    return request
  }

  func decode<Value: Decodable>(_ answer: Answer) throws -> Value {
    do {
      return try JSONDecoder().decode(Value.self, from: Data(answer.body.readableBytesView))
    } catch {
      throw CommandFailure(
        .failure, "the answer of \(url) could not be read as \(Value.self): \(error)",
        next: "check that the server is Moult of the same version: `curl \(url)/healthz`")
    }
  }

  private func perform(_ request: HTTPClientRequest, timeout: Duration) async throws -> Answer {
    var attempt = 1
    while true {
      do {
        let nanoseconds = Int64(timeout.inSeconds * 1e9)
        let response = try await http.execute(request, timeout: .nanoseconds(nanoseconds))
        let body = try await response.body.collect(upTo: Self.answerBytesMax)
        return Answer(
          status: Int(response.status.code), body: body, servedBy: Self.servedBy(response.headers))
      } catch let error as HTTPClientError where error == .deadlineExceeded || error == .readTimeout {
        throw CommandFailure(
          .unreachable, "\(url) did not answer within \(Figure.seconds(timeout.inSeconds))",
          next: "look at the server's log, or try again")
      } catch is CancellationError {
        throw CancellationError()
      } catch {
        if Task.isCancelled { throw CancellationError() }
        if request.method == .GET && attempt < Self.attemptsMax {
          try await Task.sleep(for: .milliseconds(100 << attempt))
          attempt += 1
          continue
        }
        throw unreachable(error)
      }
    }
  }

  func unreachable(_ error: any Error) -> CommandFailure {
    CommandFailure(
      .unreachable, "no server answered at \(url): \(Self.words(for: error))",
      next: "start one with `moult serve --data DIR`, or give --url (MOULT_URL)")
  }

  private static func words(for error: any Error) -> String {
    let text = String(describing: error)
    if text.contains("refused") { return "connection refused" }
    if text.contains("remoteConnectionClosed") { return "it closed the connection" }
    if text.contains("CERTIFICATE_VERIFY_FAILED") {
      return "its certificate is not trusted (--ca-certificate names one that vouches for it)"
    }
    if text.contains("connectTimeout") { return "connecting took too long" }
    return text
  }

  private static func servedBy(_ headers: HTTPHeaders) -> ServedBy? {
    guard let collection = headers.first(name: "moult-collection"),
      let generation = headers.first(name: "moult-generation").flatMap({ Int64($0) })
    else { return nil }
    return ServedBy(collection: collection, generation: generation)
  }

  static func queryString(_ query: [(String, String)]) -> String {
    guard !query.isEmpty else { return "" }
    let pairs = query.map { "\(escaped($0.0))=\(escaped($0.1))" }
    return "?" + pairs.joined(separator: "&")
  }

  /// For one segment of a path, or a key or value of a query.
  static func escaped(_ text: String) -> String {
    let unreserved = CharacterSet(
      charactersIn: "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~")
    return text.addingPercentEncoding(withAllowedCharacters: unreserved) ?? text
  }

  /// What the server says about a refusal: `{"error": {"code", "message"}}`.
  static func failure(of answer: Answer, _ method: HTTPMethod, _ path: String) -> CommandFailure {
    struct Envelope: Decodable {
      struct Fault: Decodable {
        var code: String
        var message: String
      }
      var error: Fault
    }
    let data = Data(answer.body.readableBytesView)
    guard let fault = try? JSONDecoder().decode(Envelope.self, from: data).error else {
      let text = String(decoding: data.prefix(300), as: UTF8.self)
      return CommandFailure(
        .failure, "\(method.rawValue) \(path) was answered with HTTP \(answer.status): \(text)",
        next: "check that --url is a Moult server of this version")
    }
    if let code = MoultError.Code(rawValue: fault.code) {
      return CommandFailure(fromServer: MoultError(code, fault.message))
    }
    return CommandFailure(.failure, "\(fault.message) (\(fault.code))")
  }
}
