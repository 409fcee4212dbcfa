internal import Logging
internal import MoultModel
internal import NIOCore
internal import NIOHPACK

/// All procedures of a server, and what is common to calling them: authorization, metrics, the log, bounds.
final class RPCTable: Sendable {
  /// Bytes of one request's message at most, as Milvus takes them.
  static let messageBytesMax = 256 << 20
  /// Bytes of requests that are under way, over all connections.
  static let bytesUnderWayMax = 4 * messageBytesMax
  /// Calls that are worked at the same time; some others wait. REST has no such bound: whoever floods one protocol
  /// does not keep the other waiting behind more than these.
  static let callsAtOnceMax = 64

  let messageBytesMax: Int
  let budget: ByteBudget
  /// Given to a call that does not ask for less.
  let secondsMax: Double
  let pace: Pace
  /// Metadata that shows a token as it is, beside `authorization`.
  private let keyHeader: String?
  private let gate: CallGate
  private let methods: [String: RPCMethod]
  private let authenticator: Authenticator
  private let metrics: ServerMetrics
  private let logger: Logger

  init(
    methods: [RPCMethod], authenticator: Authenticator, metrics: ServerMetrics, logger: Logger,
    budget: ByteBudget, queuedCallsMax: Int, secondsMax: Double, pace: Pace,
    messageBytesMax: Int = RPCTable.messageBytesMax, keyHeader: String? = nil
  ) {
    self.keyHeader = keyHeader
    self.methods = Dictionary(uniqueKeysWithValues: methods.map { ($0.path, $0) })
    self.authenticator = authenticator
    self.metrics = metrics
    self.logger = logger
    self.messageBytesMax = messageBytesMax
    self.budget = budget
    self.secondsMax = secondsMax
    self.pace = pace
    gate = CallGate(limit: Self.callsAtOnceMax, waitingMax: queuedCallsMax)
  }

  /// Who calls, as far as these headers say it at once.
  ///
  /// - Throws: `unauthenticated`.
  func look(at headers: HPACKHeaders) throws(RPCError) -> Authenticator.Look {
    guard authenticator.tokens != nil else { return .known(Authenticator.everyone) }
    if let keyHeader, let key = headers.first(name: keyHeader) {
      return try accepted(authenticator.look(at: Array(key.utf8)))
    }
    guard let header = headers.first(name: "authorization") else {
      throw RPCError(.unauthenticated, "missing authorization in header")
    }
    // Milvus' clients send the token as base64 without a scheme.
    let credentials = AccessTokens.credentials(header) ?? AccessTokens.credentials("Basic \(header)")
    guard let credentials else { throw RPCError(.unauthenticated, "invalid token format") }
    return try accepted(authenticator.look(at: credentials))
  }

  private func accepted(_ look: Authenticator.Look) throws(RPCError) -> Authenticator.Look {
    switch look {
    case .known, .unchecked: return look
    case .unknown: throw Self.unknownCaller
    case .refused(let reason): throw RPCError(.unauthenticated, reason)
    }
  }

  /// Who calls, when it takes a check of the password.
  ///
  /// - Throws: `unauthenticated`, `resourceExhausted` when many others wait for theirs.
  func check(user: String, password: String) async throws(RPCError) -> Caller {
    let caller: Caller?
    do { caller = try await authenticator.check(user: user, password: password) } catch {
      throw RPCError(
        .resourceExhausted, (error as? MoultError)?.message ?? "the password could not be checked")
    }
    guard let caller else { throw Self.unknownCaller }
    return caller
  }

  private static let unknownCaller = RPCError(
    .unauthenticated, "auth check failure, please check username and password are correct")

  /// The method that these headers call.
  ///
  /// - Throws: `permissionDenied`, `unimplemented` (unknown methods, compressed messages).
  func method(of headers: HPACKHeaders, by caller: Caller) throws(RPCError) -> RPCMethod {
    let path = headers.first(name: ":path") ?? ""
    guard let method = methods[path] else {
      throw RPCError(.unimplemented, "unknown method \(path.prefix(200))")
    }
    guard caller.may(method.access, checksUsers: method.checksUsers) else {
      throw RPCError(.permissionDenied, caller.refusal(method.path))
    }
    if let encoding = headers.first(name: "grpc-encoding"), encoding != "identity" {
      throw RPCError(
        .unimplemented,
        "messages compressed with '\(encoding.prefix(100))' are not read; send them as they are")
    }
    return method
  }

  /// Carries a call out, after those before it. One that writes ends as it ends once it has begun, though the task is
  /// cancelled.
  func call(
    _ method: RPCMethod, _ message: ByteBuffer, _ headers: HPACKHeaders, by caller: Caller,
    _ deadline: Deadline
  ) async throws(RPCError) -> ByteBuffer {
    let start = ContinuousClock.now
    metrics.begin()
    defer { metrics.end() }
    let outcome: Result<ByteBuffer, RPCError>
    do {
      let name = try requester(headers)
      outcome = .success(
        try await Requester.$name.withValue(name) {
          try await Caller.$current.withValue(caller) {
            try await Deadline.$current.withValue(deadline) {
              try await gate.run {
                try Deadline.check()
                let call = RPCCall(headers: headers)
                guard method.access != .read else { return try await method.answer(message, call) }
                return try await uncancelled { try await method.answer(message, call) }
              }
            }
          }
        })
    } catch {
      outcome = refusal(error, method)
    }
    var code = 0
    if case .failure(let error) = outcome { code = error.code.rawValue }
    let seconds = (ContinuousClock.now - start) / .seconds(1)
    metrics.record(ServerMetrics.Key(method: "gRPC", route: method.path, status: code), seconds: seconds)
    logger.debug("gRPC \(method.path) → \(code)", metadata: ["seconds": "\(seconds)"])
    return try outcome.get()
  }

  /// Who asks, for the history: what the metadata `moult-requester` says.
  private func requester(_ headers: HPACKHeaders) throws(RPCError) -> String? {
    guard let name = headers.first(name: "moult-requester"), !name.isEmpty else { return nil }
    guard name.utf8.count <= RequesterNaming.bytesMax else {
      throw RPCError(
        .invalidArgument,
        "moult-requester must have at most \(RequesterNaming.bytesMax) bytes, got \(name.utf8.count)")
    }
    return name
  }

  func noteCut() { metrics.count(.connectionsCut) }

  /// Counts a call that failed before it could be carried out.
  func noteFailure(_ error: RPCError) {
    metrics.record(ServerMetrics.Key(method: "gRPC", route: "none", status: error.code.rawValue), seconds: 0)
  }

  /// What failed, in the protocol's own words if it has any.
  private func refusal(_ error: any Error, _ method: RPCMethod) -> Result<ByteBuffer, RPCError> {
    if let error = error as? MoultError, let message = try? method.refusal(error) { return .success(message) }
    return .failure(failure(error, method))
  }

  private func failure(_ error: any Error, _ method: RPCMethod) -> RPCError {
    switch error {
    case let error as RPCError: return error
    case let error as MoultError where error.code == .overloaded:
      return RPCError(.resourceExhausted, error.message)
    case let error as MoultError where error.code == .deadlineExceeded:
      return RPCError(.deadlineExceeded, error.message)
    case is CancellationError:
      return RPCError(.deadlineExceeded, "the call was given up before it was answered")
    default:
      logger.error("\(method.path) failed unexpectedly: \(error)")
      return RPCError(.internalError, "the server failed: \(error); its log may say more")
    }
  }
}
