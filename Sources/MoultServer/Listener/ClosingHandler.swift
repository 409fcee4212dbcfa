internal import HTTPTypes
internal import NIOCore
internal import NIOHTTPTypes

/// Closes a connection after an answer that says `Connection: close`, such as the refusal of a body that is
/// too large: the rest of that body is of no use to anybody.
///
/// It lingers for a moment, because closing while bytes still arrive resets the connection, and a client that
/// is reset may lose the answer.
final class ClosingHandler: ChannelOutboundHandler, RemovableChannelHandler {
  typealias OutboundIn = HTTPResponsePart

  private static let lingering = TimeAmount.seconds(2)
  private var closes = false

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    switch unwrapOutboundIn(data) {
    case .head(let head) where head.headerFields[.connection]?.lowercased() == "close": closes = true
    case .end where closes:
      let channel = context.channel
      context.eventLoop.scheduleTask(in: Self.lingering) { channel.close(promise: nil) }
    case .head, .body, .end: break
    }
    context.write(data, promise: promise)
  }
}
