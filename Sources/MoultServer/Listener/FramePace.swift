internal import NIOCore

/// Cuts off clients of HTTP/2 that leave something half said, as ``FrameBoundary`` understands it. What a call's
/// request lacks is its stream's affair.
final class FramePace: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias InboundOut = ByteBuffer

  private let pace: Pace
  private let metrics: ServerMetrics
  private var boundary = FrameBoundary()
  private var clock: PaceClock?

  init(pace: Pace, metrics: ServerMetrics) {
    self.pace = pace
    self.metrics = metrics
  }

  func handlerAdded(context: ChannelHandlerContext) {
    let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
    clock = PaceClock(pace, on: context.eventLoop) {
      let (own, context) = bound.value
      own.metrics.count(.connectionsCut)
      context.close(promise: nil)
    }
    clock?.begin()
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
    let bytes = unwrapInboundIn(data)
    boundary.read(bytes.readableBytesView)
    if let clock {
      if boundary.isComplete {
        clock.end()
      } else if clock.isRunning {
        clock.add(bytes.readableBytes)
      } else {
        clock.begin()
      }
    }
    context.fireChannelRead(data)
  }
}
