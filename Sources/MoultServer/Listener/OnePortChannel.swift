internal import HummingbirdCore
internal import Logging
internal import NIOCore

/// Connections of one port: HTTP/1.1 goes to Hummingbird, HTTP/2 to gRPC.
struct OnePortChannel: ServerChildChannel {
  enum Kind: Sendable {
    case http1(HTTP1Channel.Value)
    case rpc
    /// One too many.
    case refused
  }

  /// A connection whose protocol is not known yet.
  ///
  /// It cannot be awaited where the channel is set up: a channel reads nothing before that is done.
  struct Value: ServerChildChannelValue {
    let kind: EventLoopFuture<Kind>
    let channel: any Channel
  }

  let http1: HTTP1Channel
  let table: RPCTable
  let connections: ConnectionLimit
  let metrics: ServerMetrics
  let pace: Pace
  let certificates: CertificateStore?

  let graceSeconds: Int

  func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
    channel.eventLoop.makeCompletedFuture {
      let kind = channel.eventLoop.makePromise(of: Kind.self)
      let admission = connections.admit()
      if admission != .served { metrics.count(.connectionsRefused) }
      channel.closeFuture.whenComplete { [connections] _ in connections.leave(admission) }
      guard admission != .dropped else {
        kind.fail(ChannelError.eof)
        channel.eventLoop.execute { channel.close(promise: nil) }
        return Value(kind: kind.futureResult, channel: channel)
      }
      let sniffer = PrefaceSniffer(patience: pace.patience) { spoken in
        let chosen =
          admission == .served ? configure(channel, spoken, logger) : Self.refuse(channel, spoken)
        chosen.cascade(to: kind)
        return chosen.map { _ in }
      } giveUp: {
        kind.fail(ChannelError.eof)
      }
      if let certificates { try channel.pipeline.syncOperations.addHandler(certificates.handler()) }
      try channel.pipeline.syncOperations.addHandler(sniffer)
      return Value(kind: kind.futureResult, channel: channel)
    }
  }

  private func configure(
    _ channel: any Channel, _ spoken: ConnectionProtocol, _ logger: Logger
  ) -> EventLoopFuture<Kind> {
    switch spoken {
    case .http1:
      return channel.eventLoop.makeCompletedFuture {
        try channel.pipeline.syncOperations.addHandler(RequestPace(pace: pace, metrics: metrics))
      }.flatMap { http1.setup(channel: channel, logger: logger) }.map { .http1($0) }
    case .http2:
      return channel.eventLoop.makeCompletedFuture {
        try RPCConnection.configure(channel, table: table, metrics: metrics, graceSeconds: graceSeconds)
        return .rpc
      }
    }
  }

  private static func refuse(_ channel: any Channel, _ spoken: ConnectionProtocol) -> EventLoopFuture<Kind> {
    channel.eventLoop.makeCompletedFuture {
      try channel.pipeline.syncOperations.addHandler(RefusalHandler(spoken: spoken))
      return .refused
    }
  }

  func handle(value: Value, logger: Logger) async {
    do {
      switch try await value.kind.get() {
      case .http1(let connection): await http1.handle(value: connection, logger: logger)
      case .rpc, .refused:
        try await withTaskCancellationHandler {
          try await value.channel.closeFuture.get()
        } onCancel: {
          value.channel.close(promise: nil)
        }
      }
    } catch {
      logger.debug("a connection ended before it said what it speaks: \(error)")
    }
  }
}
