internal import HTTPTypes
internal import NIOCore
internal import NIOHTTPTypes

/// Answers `Expect: 100-continue`, which Hummingbird leaves unanswered: curl would wait a second before each
/// body of more than a megabyte.
///
/// A body that is too large is not asked for: the client gets the refusal before it has sent anything.
final class ContinueHandler: ChannelInboundHandler, RemovableChannelHandler {
  typealias InboundIn = HTTPRequestPart
  typealias OutboundOut = HTTPResponsePart

  private let bodyBytesMax: Int

  init(bodyBytesMax: Int) {
    self.bodyBytesMax = bodyBytesMax
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    if case .head(let head) = unwrapInboundIn(data), isWelcome(head) {
      context.writeAndFlush(wrapOutboundOut(.head(HTTPResponse(status: .continue))), promise: nil)
    }
    context.fireChannelRead(data)
  }

  private func isWelcome(_ head: HTTPRequest) -> Bool {
    guard head.headerFields[.expect]?.lowercased() == "100-continue" else { return false }
    if head.path?.split(separator: "?", maxSplits: 1).first.map(String.init) == AdminAPI.restorePath {
      return true
    }
    let length = head.headerFields[.contentLength].flatMap { Int($0) } ?? 0
    return length <= bodyBytesMax
  }
}
