internal import AsyncHTTPClient
internal import Foundation
internal import MoultEngine
internal import MoultModel
internal import NIOCore
internal import NIOHTTP1

/// A model behind an endpoint that speaks OpenAI's `/v1/embeddings`: OpenAI, Text Embeddings Inference, vLLM, Ollama,
/// LiteLLM.
///
/// It is called at its URL and nowhere else: redirects are failures. Answers are bounded in size and time, and the key
/// stands in the request's header only.
struct EndpointEmbedding: TextEmbedding {
  let embedder: Embedder
  let url: String
  let model: String
  let key: String?
  let http: HTTPClient

  /// Of an answer that is no success.
  private static let failureBytesMax = 65_536
  /// An entry of a vector as JSON, at most: a sign, a point, 17 digits and an exponent, with a comma and a space.
  private static let entryBytesMax = 28

  /// Two endpoints may call different models by one name.
  var identity: String { "\(url) \(model)/\(embedder.dimension)/\(embedder.sendsDimension ? "sent" : "own")" }

  func embed(_ texts: [String]) async throws -> EmbeddingAnswer {
    let (status, headers, body) = try await send(texts)
    guard status == 200 else { throw failure(status, headers, body) }
    let answer = try read(body, count: texts.count)
    if let answered = answer.model, !answered.isEmpty, answered != model {
      throw EmbeddingFailure.lasting(
        MoultError(
          .invalidArgument,
          told(
            "was asked for the model '\(model)' and answered as '\(withoutKey(answered).prefix(200))'; add the embedder with "
              + "the name that the endpoint gives its model")))
    }
    return EmbeddingAnswer(
      outcomes: answer.vectors.map { $0.map { .vector($0) } ?? .refused("the endpoint gave null for it") },
      tokens: answer.tokens)
  }

  private func read(_ body: ByteBuffer, count: Int) throws -> EmbeddingsAnswer {
    let answer = body.withUnsafeReadableBytes { bytes in
      Result { () throws(EmbeddingsAnswer.Fault) in try EmbeddingsAnswer.parse(bytes, count: count) }
    }
    switch answer {
    case .success(let answer): return answer
    case .failure(let fault):
      throw EmbeddingFailure.lasting(
        MoultError(
          .invalidArgument, told(fault.reason + (fault.isOther ? ". It begins: \(said(body, 100))" : ""))))
    }
  }

  // MARK: Requests

  private func send(_ texts: [String]) async throws -> (status: UInt, headers: HTTPHeaders, body: ByteBuffer)
  {
    var request = HTTPClientRequest(url: url)
    request.method = .POST
    request.headers.add(name: "content-type", value: "application/json")
    request.headers.add(name: "accept", value: "application/json")
    if let key { request.headers.add(name: "authorization", value: "Bearer \(key)") }
    request.body = .bytes(
      EmbeddingsRequest.body(
        model: model, texts: texts, dimensions: embedder.sendsDimension ? embedder.dimension : nil))
    let prepared = request
    let bytesMax = 65_536 + texts.count * (512 + embedder.dimension * Self.entryBytesMax)
    do {
      return try await withThrowingTaskGroup(of: (UInt, HTTPHeaders, ByteBuffer)?.self) { group in
        group.addTask {
          let response = try await http.execute(
            prepared, timeout: .milliseconds(Int64(embedder.timeoutSeconds * 1_000)))
          let isSuccess = response.status.code == 200
          let body = try await response.body.collect(upTo: isSuccess ? bytesMax : Self.failureBytesMax)
          return (response.status.code, response.headers, body)
        }
        // The client's own deadline ends with the head of the answer.
        group.addTask {
          try await Task.sleep(for: .seconds(embedder.timeoutSeconds))
          return nil
        }
        defer { group.cancelAll() }
        guard let answer = try await group.next() ?? nil else {
          throw EmbeddingFailure.passing(told("did not answer within \(embedder.timeoutSeconds) s"))
        }
        return answer
      }
    } catch let failure as EmbeddingFailure {
      throw failure
    } catch is NIOTooManyBytesError {
      throw EmbeddingFailure.lasting(
        MoultError(
          .tooLarge,
          told(
            "answered \(texts.count) texts with more than \(bytesMax) bytes, more than their vectors can be"))
      )
    } catch {
      if Task.isCancelled || error is CancellationError { throw CancellationError() }
      throw EmbeddingFailure.passing(told("could not be reached: \(Self.words(for: error))"))
    }
  }

  private static func words(for error: any Error) -> String {
    let text = String(describing: error)
    if text.contains("refused") { return "connection refused" }
    if text.contains("CERTIFICATE_VERIFY_FAILED") { return "its certificate is not trusted" }
    if text.contains("remoteConnectionClosed") || text.contains("reset") { return "it closed the connection" }
    if text.contains("deadlineExceeded") || text.contains("Timeout") { return "it took too long" }
    return String(text.prefix(300))
  }

  // MARK: Failures

  private func failure(_ status: UInt, _ headers: HTTPHeaders, _ body: ByteBuffer) -> EmbeddingFailure {
    let said = said(body)
    let reason = told("answered with HTTP \(status)\(said.isEmpty ? "" : ": \(said)")")
    switch status {
    case 300..<400:
      return .lasting(
        MoultError(.invalidArgument, "\(reason). Redirects are not followed; give the url that it leads to"))
    case 401, 403:
      return .lasting(
        MoultError(
          .permissionDenied,
          "\(reason). \(key == nil ? "It wants a key: --key-file or --key-variable" : "Look at its key")"))
    // What no waiting refills.
    case 429 where said.contains("insufficient_quota") || said.contains("exceeded your current quota"):
      return .lasting(MoultError(.permissionDenied, reason))
    case 429: return .overloaded(reason: reason, retryAfterSeconds: Self.retryAfter(headers))
    case 503:
      guard let seconds = Self.retryAfter(headers) else { return .passing(reason) }
      return .overloaded(reason: reason, retryAfterSeconds: seconds)
    case 400, 413, 414, 422: return .refused(reason)
    case 408, 425, 500...: return .passing(reason)
    default: return .lasting(MoultError(.invalidArgument, "\(reason). Look at its url"))
    }
  }

  /// Seconds, or the moment of RFC 9110.
  private static func retryAfter(_ headers: HTTPHeaders) -> Double? {
    guard let text = headers.first(name: "retry-after") else { return nil }
    if let seconds = Double(text) { return seconds.isFinite && seconds >= 0 ? seconds : nil }
    let formatter = DateFormatter()
    formatter.locale = Locale(identifier: "en_US_POSIX")
    formatter.timeZone = TimeZone(secondsFromGMT: 0)
    formatter.dateFormat = "EEE, dd MMM yyyy HH:mm:ss 'GMT'"
    return formatter.date(from: text).map { max(0, $0.timeIntervalSinceNow) }
  }

  /// The beginning of an answer, on one line. Some endpoints repeat the key, and a part of it must not remain either.
  private func said(_ body: ByteBuffer, _ countMax: Int = 300) -> String {
    let text = String(
      decoding: body.readableBytesView.prefix(1_000 + 2 * EmbedderFolder.keyBytesMax), as: UTF8.self
    )
    .split(whereSeparator: \.isWhitespace).joined(separator: " ")
    return String(withoutKey(text).prefix(countMax))
  }

  private func withoutKey(_ text: String) -> String {
    guard let key else { return text }
    return text.replacingOccurrences(of: key, with: "(key)")
  }

  private func told(_ what: String) -> String { "the endpoint \(url) \(what)" }
}
