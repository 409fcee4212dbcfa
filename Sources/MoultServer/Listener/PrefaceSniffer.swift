internal import NIOCore

/// What a connection speaks.
enum ConnectionProtocol: Sendable {
  case http1
  case http2
}

/// Looks at the first bytes of a connection, decides what it speaks, passes the bytes on and leaves.
///
/// HTTP/2 with prior knowledge begins with 24 bytes that no request of HTTP/1.1 begins with; three of them tell
/// it from every method there is.
final class PrefaceSniffer: ChannelInboundHandler, RemovableChannelHandler {
  typealias InboundIn = ByteBuffer
  typealias InboundOut = ByteBuffer

  static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)

  private let patience: TimeAmount
  private let decide: (ConnectionProtocol) -> EventLoopFuture<Void>
  /// The connection ended before it said enough.
  private let giveUp: () -> Void
  private var buffer: ByteBuffer?
  private var hasDecided = false
  private var timer: Scheduled<Void>?

  /// - Parameter patience: how long a client may take for its first bytes.
  init(
    patience: TimeAmount, decide: @escaping (ConnectionProtocol) -> EventLoopFuture<Void>,
    giveUp: @escaping () -> Void
  ) {
    self.patience = patience
    self.decide = decide
    self.giveUp = giveUp
  }

  func handlerAdded(context: ChannelHandlerContext) {
    let channel = context.channel
    timer = context.eventLoop.scheduleTask(in: patience) { channel.close(promise: nil) }
  }

  func handlerRemoved(context: ChannelHandlerContext) { timer?.cancel() }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    var bytes = unwrapInboundIn(data)
    if buffer == nil { buffer = bytes } else { buffer?.writeBuffer(&bytes) }
    guard !hasDecided, let buffer, let spoken = Self.spoken(buffer.readableBytesView) else { return }
    hasDecided = true
    timer?.cancel()
    let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
    decide(spoken).whenComplete { result in
      let (own, context) = bound.value
      switch result {
      case .success: own.leave(context)
      case .failure(let error):
        context.fireErrorCaught(error)
        context.close(promise: nil)
      }
    }
  }

  /// `nil` while it can still be either.
  static func spoken(_ bytes: some Collection<UInt8>) -> ConnectionProtocol? {
    guard bytes.prefix(preface.count).elementsEqual(preface.prefix(bytes.count)) else { return .http1 }
    return bytes.count >= preface.count ? .http2 : nil
  }

  private func leave(_ context: ChannelHandlerContext) {
    if let buffer {
      self.buffer = nil
      context.fireChannelRead(wrapInboundOut(buffer))
      context.fireChannelReadComplete()
    }
    context.pipeline.syncOperations.removeHandler(self, promise: nil)
  }

  func channelInactive(context: ChannelHandlerContext) {
    if !hasDecided {
      hasDecided = true
      giveUp()
    }
    context.fireChannelInactive()
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    // The server ends: nobody waits for a connection that has said nothing.
    if !hasDecided, event is ChannelShouldQuiesceEvent { context.close(promise: nil) }
    context.fireUserInboundEventTriggered(event)
  }
}
