internal import NIOCore

/// Tells a client that there are too many connections, and closes this one.
final class RefusalHandler: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  /// Closing while bytes still arrive resets the connection, and a client that is reset may lose the answer.
  private static let lingering = TimeAmount.seconds(2)
  private static let message =
    "the server holds as many connections as it was set up for; try again in a moment"

  private let spoken: ConnectionProtocol

  init(spoken: ConnectionProtocol) { self.spoken = spoken }

  func handlerAdded(context: ChannelHandlerContext) {
    context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: Self.refusal(spoken))), promise: nil)
    context.close(mode: .output, promise: nil)
    let channel = context.channel
    context.eventLoop.scheduleTask(in: Self.lingering) { channel.close(promise: nil) }
  }

  /// What comes is of no use.
  func channelRead(context: ChannelHandlerContext, data: NIOAny) {}

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    // The client has read it, or the server ends.
    if event as? ChannelEvent == .inputClosed || event is ChannelShouldQuiesceEvent {
      context.close(promise: nil)
    }
    context.fireUserInboundEventTriggered(event)
  }

  static func refusal(_ spoken: ConnectionProtocol) -> [UInt8] {
    switch spoken {
    case .http1:
      let body = #"{"error":{"code":"overloaded","message":"\#(message)"}}"#
      return Array(
        """
        HTTP/1.1 503 Service Unavailable\r
        Content-Type: application/json\r
        Content-Length: \(body.utf8.count)\r
        Retry-After: 1\r
        Connection: close\r
        \r
        \(body)
        """.utf8)
    case .http2:
      let settings: [UInt8] = [0, 0, 0, 4, 0, 0, 0, 0, 0]
      // GOAWAY: no stream was looked at, ENHANCE_YOUR_CALM.
      let payload: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0x0B] + Array(message.utf8)
      return settings + [0, 0, UInt8(payload.count), 7, 0, 0, 0, 0, 0] + payload
    }
  }
}
