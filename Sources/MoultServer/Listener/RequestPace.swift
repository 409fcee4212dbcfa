internal import HTTPTypes
internal import NIOCore
internal import NIOHTTPTypes

/// Cuts off clients of HTTP/1.1 whose request does not come: the head must be there within a patience of its first byte,
/// the body keep up a rate.
///
/// Stands before the decoder, which says nothing of a head before it is complete; ``AnswerPace`` behind it tells what
/// the bytes were.
final class RequestPace: ChannelInboundHandler, RemovableChannelHandler {
  typealias InboundIn = ByteBuffer
  typealias InboundOut = ByteBuffer
  typealias OutboundOut = ByteBuffer

  private let pace: Pace
  private let metrics: ServerMetrics
  private var clock: PaceClock?
  /// A request is being read; its bytes count.
  private var isReading = false
  /// Requests whose heads came and whose answers have not ended.
  private var openRequests = 0
  private var hasBegunAnswer = false

  init(pace: Pace, metrics: ServerMetrics) {
    self.pace = pace
    self.metrics = metrics
  }

  func handlerAdded(context: ChannelHandlerContext) {
    let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
    clock = PaceClock(pace, on: context.eventLoop) {
      let (own, context) = bound.value
      own.cut(context)
    }
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    clock?.cancel()
    clock = nil
  }

  func channelInactive(context: ChannelHandlerContext) {
    clock?.cancel()
    context.fireChannelInactive()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    if let clock {
      // While another answer is awaited it may be we who do not read.
      if !isReading && openRequests == 0 {
        isReading = true
        clock.begin()
      } else if clock.isRunning {
        clock.add(unwrapInboundIn(data).readableBytes)
      }
    }
    context.fireChannelRead(data)
  }

  func requestCame(_ part: HTTPRequestPart) {
    switch part {
    case .head:
      openRequests += 1
      isReading = true
      if openRequests == 1 { clock?.begin() } else { clock?.end() }
    case .body: break
    case .end:
      isReading = false
      clock?.end()
    }
  }

  func answerBegan() { hasBegunAnswer = true }

  func answerEnded() {
    openRequests -= 1
    hasBegunAnswer = false
    // The next one may have been begun long ago: it has its time from now.
    if isReading && openRequests == 1 { clock?.begin() }
  }

  private func cut(_ context: ChannelHandlerContext) {
    metrics.count(.connectionsCut)
    if !hasBegunAnswer {
      let answer = "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
      context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: answer)), promise: nil)
    }
    context.close(promise: nil)
  }
}

/// Tells ``RequestPace`` where requests and answers begin and end, and cuts off clients that do not read their answers.
final class AnswerPace: ChannelDuplexHandler, RemovableChannelHandler {
  typealias InboundIn = HTTPRequestPart
  typealias InboundOut = HTTPRequestPart
  typealias OutboundIn = HTTPResponsePart
  typealias OutboundOut = HTTPResponsePart

  private let pace: Pace
  private let metrics: ServerMetrics
  private var requests: RequestPace?
  private var timer: Scheduled<Void>?
  private var flushCount = 0

  init(pace: Pace, metrics: ServerMetrics) {
    self.pace = pace
    self.metrics = metrics
  }

  func handlerAdded(context: ChannelHandlerContext) {
    requests = try? context.pipeline.syncOperations.handler(type: RequestPace.self)
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    timer?.cancel()
    timer = nil
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    requests?.requestCame(unwrapInboundIn(data))
    context.fireChannelRead(data)
  }

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    switch unwrapOutboundIn(data) {
    case .head(let head): if head.status.kind != .informational { requests?.answerBegan() }
    case .body: break
    case .end: requests?.answerEnded()
    }
    context.write(data, promise: promise)
  }

  func flush(context: ChannelHandlerContext) {
    context.flush()
    flushCount &+= 1
    if timer == nil { watch(context, last: nil) }
  }

  /// Looks after each patience at what the client has not taken yet.
  private func watch(_ context: ChannelHandlerContext, last: (bytes: Int, flushCount: Int)?) {
    let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
    timer = context.eventLoop.scheduleTask(in: pace.patience) {
      let (own, context) = bound.value
      own.timer = nil
      let waiting =
        (try? context.channel.syncOptions?.getOption(ChannelOptions.bufferedWritableBytes)) ?? 0
      guard waiting > 0 else { return }
      let wanted = Int(own.pace.patienceSeconds * Double(own.pace.bytesPerSecondMin))
      if let last, last.flushCount == own.flushCount, last.bytes - waiting < max(1, wanted) {
        own.metrics.count(.connectionsCut)
        context.close(promise: nil)
      } else {
        own.watch(context, last: (waiting, own.flushCount))
      }
    }
  }
}
