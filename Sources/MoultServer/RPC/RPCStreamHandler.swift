internal import MoultModel
internal import NIOCore
internal import NIOHPACK
internal import NIOHTTP2

/// One call: an HTTP/2 stream with a request of headers and one message, and an answer of headers, one message
/// and trailers that hold the status.
final class RPCStreamHandler: ChannelInboundHandler {
  typealias InboundIn = HTTP2Frame.FramePayload
  typealias OutboundOut = HTTP2Frame.FramePayload

  private enum State {
    case awaitingHeaders
    /// The caller's password is checked meanwhile, and nothing is read: what came with the headers waits here.
    case authenticating([HTTP2Frame.FramePayload])
    case reading(RPCMethod, HPACKHeaders, RPCMessageReader)
    case answering(RPCMethod, Task<Void, Never>)
    case ended
  }

  private let table: RPCTable
  private var state = State.awaitingHeaders
  /// Of an answer, for one look at how far it got.
  private static let pieceBytes = 256 << 10

  private var caller = Caller()
  private var deadline = Deadline(seconds: 0)
  private var deadlineTimer: Scheduled<Void>?
  /// While the request comes, and while the answer goes.
  private var clock: PaceClock?
  /// Of the budget, until a task has the message.
  private var bytesTaken = 0

  init(table: RPCTable) { self.table = table }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    receive(unwrapInboundIn(data), context)
  }

  private func receive(_ frame: HTTP2Frame.FramePayload, _ context: ChannelHandlerContext) {
    do {
      switch (state, frame) {
      case (.awaitingHeaders, .headers(let frame)): try identify(frame, context)
      case (.authenticating(let frames), let frame): state = .authenticating(frames + [frame])
      case (.reading, .data(let frame)): try read(frame, context)
      case (.reading, .headers(let trailers)) where trailers.endStream: try answer(context)
      default: break
      }
    } catch let error as RPCError {
      fail(error, context)
    } catch {
      context.fireErrorCaught(error)
    }
  }

  /// Finds out who calls, and begins. A password that has to be checked holds the stream back, so that nobody unknown
  /// fills memory with a message.
  private func identify(_ frame: HTTP2Frame.FramePayload.Headers, _ context: ChannelHandlerContext) throws {
    guard frame.headers.first(name: ":method") == "POST",
      frame.headers.first(name: "content-type")?.hasPrefix("application/grpc") == true
    else { return refuse(context) }
    switch try table.look(at: frame.headers) {
    case .known(let caller):
      self.caller = caller
      try begin(frame, context)
    case .unchecked(let user, let password):
      state = .authenticating([])
      context.channel.setOption(.autoRead, value: false).whenFailure { _ in }
      let handler = NIOLoopBound((self, context, frame), eventLoop: context.eventLoop)
      let eventLoop = context.eventLoop
      Task { [table] in
        let outcome: Result<Caller, RPCError>
        do throws(RPCError) {
          outcome = .success(try await table.check(user: user, password: password))
        } catch {
          outcome = .failure(error)
        }
        eventLoop.execute {
          let (own, context, frame) = handler.value
          own.identified(outcome, frame, context)
        }
      }
    case .unknown, .refused: preconditionFailure("a look at headers does not return it")
    }
  }

  private func identified(
    _ outcome: Result<Caller, RPCError>, _ frame: HTTP2Frame.FramePayload.Headers,
    _ context: ChannelHandlerContext
  ) {
    // The client may have gone.
    guard case .authenticating(let frames) = state else { return }
    state = .awaitingHeaders
    do {
      caller = try outcome.get()
      try begin(frame, context)
    } catch let error as RPCError {
      return fail(error, context)
    } catch {
      return context.fireErrorCaught(error)
    }
    for frame in frames { receive(frame, context) }
    guard case .reading = state else { return }
    context.channel.setOption(.autoRead, value: true).whenFailure { _ in }
    // Setting the option reads nothing by itself.
    context.channel.read()
  }

  private func begin(_ frame: HTTP2Frame.FramePayload.Headers, _ context: ChannelHandlerContext) throws {
    let method = try table.method(of: frame.headers, by: caller)
    state = .reading(method, frame.headers, RPCMessageReader(bytesMax: table.messageBytesMax))
    let asked = frame.headers.first(name: "grpc-timeout").flatMap(Self.timeout)
    deadline = Deadline(
      seconds: min(asked.map { Double($0.nanoseconds) / 1e9 } ?? table.secondsMax, table.secondsMax))
    let handler = NIOLoopBound((self, context), eventLoop: context.eventLoop)
    deadlineTimer = context.eventLoop.scheduleTask(in: .nanoseconds(Int64(deadline.seconds * 1e9))) {
      let (own, context) = handler.value
      own.timeRanOut(context)
    }
    guard !frame.endStream else { return try answer(context) }
    clock = PaceClock(table.pace, on: context.eventLoop) {
      let (own, context) = handler.value
      own.fail(RPCError(.deadlineExceeded, "the call's message came too slowly"), context)
    }
    clock?.begin()
  }

  /// What reads is given up. What writes may have begun, and is answered as it comes out; what waits is told to stop.
  private func timeRanOut(_ context: ChannelHandlerContext) {
    if case .answering(let method, let task) = state, method.access != .read { return task.cancel() }
    fail(RPCError(.deadlineExceeded, "the deadline of the call has passed"), context)
  }

  private func read(_ frame: HTTP2Frame.FramePayload.Data, _ context: ChannelHandlerContext) throws {
    guard case .byteBuffer(var bytes) = frame.data, case .reading(_, _, let reader) = state
    else { return }
    let count = bytes.readableBytes
    guard table.budget.take(count) else {
      throw RPCError(
        .resourceExhausted, "requests under way hold all memory there is for them; send this one later")
    }
    bytesTaken += count
    clock?.add(count)
    try reader.append(&bytes)
    if frame.endStream { try answer(context) }
  }

  private func answer(_ context: ChannelHandlerContext) throws {
    guard case .reading(let method, let headers, let reader) = state else { return }
    let message = try reader.message()
    let handler = NIOLoopBound((self, context), eventLoop: context.eventLoop)
    let eventLoop = context.eventLoop
    // The task holds the message until it ends, also when the call was given up long before.
    let bytesHeld = bytesTaken
    bytesTaken = 0
    clock?.cancel()
    state = .answering(
      method,
      Task { [table, deadline, caller] in
        let outcome: Result<ByteBuffer, RPCError>
        do throws(RPCError) {
          outcome = .success(try await table.call(method, message, headers, by: caller, deadline))
        } catch {
          outcome = .failure(error)
        }
        table.budget.giveBack(bytesHeld)
        eventLoop.execute {
          let (own, context) = handler.value
          own.send(outcome, context)
        }
      })
  }

  private func send(_ outcome: Result<ByteBuffer, RPCError>, _ context: ChannelHandlerContext) {
    guard case .answering = state else { return }
    switch outcome {
    case .failure(let error): fail(error, context)
    case .success(var message):
      guard message.readableBytes <= UInt32.max else {
        return fail(RPCError(.resourceExhausted, "the answer is too long for one message"), context)
      }
      end()
      write(.headers(.init(headers: Self.head)), context)
      var prefix = context.channel.allocator.buffer(capacity: RPCMessageReader.prefixSizeBytes)
      prefix.writeInteger(UInt8(0))
      prefix.writeInteger(UInt32(message.readableBytes))
      write(.data(.init(data: .byteBuffer(prefix))), context)
      let clock = answerClock(context)
      while message.readableBytes > 0,
        let piece = message.readSlice(length: min(Self.pieceBytes, message.readableBytes))
      {
        write(.data(.init(data: .byteBuffer(piece))), context) { clock.value.add(piece.readableBytes) }
      }
      write(.headers(.init(headers: ["grpc-status": "0"], endStream: true)), context) { clock.value.cancel() }
      context.flush()
    }
  }

  /// Closes the stream of a client that does not read its answer.
  private func answerClock(_ context: ChannelHandlerContext) -> NIOLoopBound<PaceClock> {
    let channel = context.channel
    let clock = PaceClock(table.pace, on: context.eventLoop) { [table] in
      table.noteCut()
      channel.close(promise: nil)
    }
    self.clock = clock
    clock.begin()
    return NIOLoopBound(clock, eventLoop: context.eventLoop)
  }

  /// Headers that are trailers at the same time. The rest of the request is of no use: the stream is closed.
  private func fail(_ error: RPCError, _ context: ChannelHandlerContext) {
    switch state {
    case .ended: return
    case .answering: break
    case .awaitingHeaders, .authenticating, .reading: table.noteFailure(error)
    }
    end()
    var headers = Self.head
    headers.add(name: "grpc-status", value: String(error.code.rawValue))
    headers.add(name: "grpc-message", value: error.headerText)
    finish(headers, context)
  }

  /// What is no gRPC, in the words of HTTP.
  private func refuse(_ context: ChannelHandlerContext) {
    end()
    finish([":status": "415", "accept-post": "application/grpc"], context)
  }

  private func finish(_ headers: HPACKHeaders, _ context: ChannelHandlerContext) {
    let channel = context.channel
    context.writeAndFlush(wrapOutboundOut(.headers(.init(headers: headers, endStream: true))))
      .whenComplete { _ in channel.close(promise: nil) }
  }

  private func write(
    _ payload: HTTP2Frame.FramePayload, _ context: ChannelHandlerContext,
    whenWritten: (@Sendable () -> Void)? = nil
  ) {
    let written = context.write(wrapOutboundOut(payload))
    if let whenWritten { written.whenSuccess(whenWritten) }
  }

  private func end() {
    if case .answering(_, let task) = state { task.cancel() }
    state = .ended
    deadlineTimer?.cancel()
    deadlineTimer = nil
    clock?.cancel()
    clock = nil
    table.budget.giveBack(bytesTaken)
    bytesTaken = 0
  }

  func channelInactive(context: ChannelHandlerContext) {
    end()
    context.fireChannelInactive()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    end()
    context.close(promise: nil)
  }

  private static let head: HPACKHeaders = [":status": "200", "content-type": "application/grpc"]

  /// `<digits><unit>`, at most eight digits.
  static func timeout(_ text: String) -> TimeAmount? {
    guard let unit = text.last, text.utf8.count <= 9, let count = Int64(text.dropLast()), count >= 0 else {
      return nil
    }
    switch unit {
    case "H": return .hours(count)
    case "M": return .minutes(count)
    case "S": return .seconds(count)
    case "m": return .milliseconds(count)
    case "u": return .microseconds(count)
    case "n": return .nanoseconds(count)
    default: return nil
    }
  }
}
