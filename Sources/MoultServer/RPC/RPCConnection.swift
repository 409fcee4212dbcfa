internal import NIOCore
internal import NIOHTTP2

/// A connection that speaks HTTP/2, set up for calls.
enum RPCConnection {
  /// Windows of flow control: what a client may send ahead, a stream and a connection.
  private static let streamWindowBytes = 1 << 20
  private static let connectionWindowBytes = 8 << 20

  /// - Parameter graceSeconds: given to calls under way when the server is asked to end.
  static func configure(_ channel: any Channel, table: RPCTable, metrics: ServerMetrics, graceSeconds: Int)
    throws
  {
    try channel.pipeline.syncOperations.addHandler(FramePace(pace: table.pace, metrics: metrics))
    let management = NIOHTTP2ServerConnectionManagementHandler(
      eventLoop: channel.eventLoop,
      configuration: .init(
        maxIdleTime: nil, maxAge: nil, maxGraceTime: .seconds(Int64(graceSeconds)),
        // Finds clients that are gone without a word.
        keepalive: .init(pingInterval: .minutes(2), ackTimeout: .seconds(20))))
    var connection = NIOHTTP2Handler.ConnectionConfiguration()
    connection.targetWindowSize = connectionWindowBytes
    // Clients ping: every 10 s without a call, and to measure the way while they send or read much.
    connection.controlFrameRateLimit.maximumCount = 20_000
    var stream = NIOHTTP2Handler.StreamConfiguration()
    stream.targetWindowSize = streamWindowBytes
    // A client that gives up on calls resets their streams.
    stream.streamResetFrameRateLimit.maximumCount = 2_000
    _ = try channel.pipeline.syncOperations.configureHTTP2Pipeline(
      mode: .server, connectionConfiguration: connection, streamConfiguration: stream,
      streamDelegate: management.http2StreamDelegate
    ) { stream in
      stream.eventLoop.makeCompletedFuture {
        try stream.pipeline.syncOperations.addHandler(RPCStreamHandler(table: table))
      }
    }
    try channel.pipeline.syncOperations.addHandlers(ConnectionEnd(), management)
  }
}

/// Closes a connection whose bytes make no sense, and one without calls whose client does not answer when the
/// server ends. Others are not touched.
private final class ConnectionEnd: ChannelInboundHandler {
  typealias InboundIn = HTTP2Frame
  typealias InboundOut = HTTP2Frame

  /// A client that is there answers the server's goodbye at once.
  private static let patience = TimeAmount.seconds(2)
  private var openCalls = 0
  private var isEnding = false

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    switch event {
    case is NIOHTTP2StreamCreatedEvent: openCalls += 1
    case is StreamClosedEvent: openCalls -= 1
    case is ChannelShouldQuiesceEvent: isEnding = true
    default: break
    }
    context.fireUserInboundEventTriggered(event)
    guard isEnding, openCalls == 0 else { return }
    let channel = context.channel
    context.eventLoop.scheduleTask(in: Self.patience) { channel.close(promise: nil) }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    // What HTTP/2 has to say about it is written already.
    context.flush()
    context.close(promise: nil)
  }
}
