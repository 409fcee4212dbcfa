internal import HTTPTypes
internal import Hummingbird
internal import MoultModel
internal import NIOCore

extension HTTPField.Name {
  /// Seconds that a client gives the request; Milvus' clients know it.
  static let requestTimeout = HTTPField.Name("Request-Timeout")!
}

/// What stands before every handler of a route: permission, the body within its limits, the deadline.
struct RequestGuard: Sendable {
  typealias Context = BasicRequestContext

  let bodyBytesMax: Int
  /// Bodies of requests under way, of both protocols.
  let budget: ByteBudget
  /// Given to a request that does not ask for less.
  let secondsMax: Double

  func run(
    _ request: Request, _ context: Context, _ access: Access, _ handler: @escaping GuardedRoutes.Handler
  ) async throws -> Response {
    if let length = request.headers[.contentLength].flatMap({ Int($0) }), length > bodyBytesMax {
      throw BodyTooLarge.error(length, bodyBytesMax)
    }
    let deadline = Deadline(seconds: try seconds(of: request))
    let loan = ByteLoan(from: budget)
    switch access {
    case .read:
      return try await within(deadline) {
        let received = try await self.received(request, loan)
        // The timer may be late.
        if deadline.hasPassed { throw deadline.error }
        return try await handler(received, context)
      }
    case .write, .administer:
      let received = try await within(deadline) { try await self.received(request, loan) }
      if deadline.hasPassed { throw deadline.error }
      return try await Deadline.$current.withValue(deadline) {
        try await uncancelled {
          // The body takes its room until all is done with it.
          defer { withExtendedLifetime(loan) {} }
          return try await handler(received, context)
        }
      }
    }
  }

  /// Hands a request on whose body has no bounds.
  func stream(
    _ request: Request, _ context: Context, _ handler: @escaping GuardedRoutes.Handler
  ) async throws -> Response {
    return try await handler(request, context)
  }

  /// - Throws: `permissionDenied`.
  static func require(_ access: Access, of request: Request, checksUsers: Bool) throws {
    guard let caller = Caller.current, caller.may(access, checksUsers: checksUsers) else {
      throw MoultError(
        .permissionDenied,
        (Caller.current ?? Caller()).refusal("\(request.method.rawValue) \(request.uri.path.prefix(300))"))
    }
  }

  /// - Throws: `deadlineExceeded` once the time has run out and `body` has noticed that it was cancelled.
  private func within<Value: Sendable>(
    _ deadline: Deadline, _ body: @escaping @Sendable () async throws -> Value
  ) async throws -> Value {
    // On this thread up to where it waits: to wake another for it would cost more than many a search.
    let task = Deadline.$current.withValue(deadline) { Task.immediate { try await body() } }
    let number = DeadlineTimer.shared.add(deadline) { task.cancel() }
    defer { DeadlineTimer.shared.remove(number) }
    do {
      return try await withTaskCancellationHandler {
        try await task.value
      } onCancel: {
        task.cancel()
      }
    } catch {
      // Whatever the cancellation looked like where it was noticed. It was the timer's when nobody cancelled us; by
      // another clock the deadline may still be a moment away.
      throw task.isCancelled && !Task.isCancelled ? deadline.error : error
    }
  }

  /// The request with its whole body.
  ///
  /// - Throws: `tooLarge` as soon as more has come than is allowed; `overloaded` when the bodies of all requests
  ///   under way fill the memory that they may take.
  private func received(_ request: Request, _ loan: ByteLoan) async throws -> Request {
    guard [.post, .put, .patch].contains(request.method) else { return request }
    var body = ByteBuffer()
    for try await var part in request.body {
      guard body.readableBytes + part.readableBytes <= bodyBytesMax else {
        throw BodyTooLarge.error(nil, bodyBytesMax)
      }
      guard loan.take(part.readableBytes) else {
        throw MoultError(
          .overloaded,
          "the bodies of requests under way fill all memory there is for them; send this one later")
      }
      if body.readableBytes == 0 { body = part } else { body.writeBuffer(&part) }
    }
    // A body that is cut short by cancellation looks like one that has ended.
    try Task.checkCancellation()
    var received = request
    received.body = RequestBody(buffer: body)
    return received
  }

  private func seconds(of request: Request) throws(MoultError) -> Double {
    guard let text = request.headers[.requestTimeout] else { return secondsMax }
    guard let seconds = Double(text), seconds > 0 else {
      throw MoultError(
        .invalidArgument,
        "the header Request-Timeout should be a number of seconds above 0, got '\(text.prefix(100))'")
    }
    return min(seconds, secondsMax)
  }
}
