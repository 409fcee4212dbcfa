internal import Hummingbird
internal import HummingbirdCore
package import Logging
package import MoultEngine
internal import MoultModel
internal import NIOCore
internal import ServiceLifecycle
internal import Synchronization
internal import UnixSignals

/// The running service: listener, protocols and the engine's background jobs.
///
/// On SIGTERM, SIGINT or ``shutDown()`` it ends in this order: no new connections and requests, requests in
/// progress are answered, jobs stop at their next checkpoint, the engine closes its files.
package final class Server: Sendable {
  private let engine: Engine
  private let configuration: ServerConfiguration
  private let logger: Logger
  private let routes: ServerRoutes
  private let group = Mutex<ServiceGroup?>(nil)

  /// - Parameter protocols: beside the admin API, which is always there.
  package init(
    engine: Engine, configuration: ServerConfiguration, protocols: [any WireAPI] = [], logger: Logger
  ) {
    self.engine = engine
    self.configuration = configuration
    self.logger = logger
    routes = ServerRoutes(engine: engine, configuration: configuration, protocols: protocols)
  }

  /// Serves until a signal or ``shutDown()``; the engine is closed when it returns.
  ///
  /// - Parameters:
  ///   - handlesSignals: whether SIGTERM and SIGINT end it.
  ///   - onListening: called with the port once requests are answered.
  /// - Throws: `invalidArgument` when the address cannot be listened on.
  package func run(
    handlesSignals: Bool = true, onListening: @escaping @Sendable (_ port: Int) async -> Void = { _ in }
  ) async throws {
    let application = Application(
      router: routes.router(),
      server: HTTPServerBuilder { [routes, configuration, logger] responder in
        OnePortChannel(
          http1: HTTP1Channel(
            responder: responder,
            configuration: HTTP1Channel.Configuration(
              additionalChannelHandlers: [
                AnswerPace(pace: configuration.pace, metrics: routes.metrics),
                ContinueHandler(bodyBytesMax: configuration.bodyBytesMax), ClosingHandler(),
              ],
              idleTimeout: .seconds(Int64(configuration.idleSecondsMax)))),
          table: routes.rpcTable(logger: logger), connections: routes.connections, metrics: routes.metrics,
          pace: configuration.pace, certificates: configuration.certificates,
          graceSeconds: configuration.shutdownSecondsMax)
      },
      configuration: ApplicationConfiguration(
        address: .hostname(configuration.host, port: configuration.port), serverName: "moult"),
      onServerRunning: { await onListening($0.localAddress?.port ?? 0) },
      logger: Self.quiet(logger))

    // The group ends its services from the last to the first: the listener before the jobs.
    var services: [any Service] = engine.backgroundServices
    if handlesSignals, let certificates = configuration.certificates {
      services.append(CertificateReloader(certificates: certificates, logger: logger))
    }
    var groupConfiguration = ServiceGroupConfiguration(
      services: services + [application],
      gracefulShutdownSignals: handlesSignals ? [.sigterm, .sigint] : [], logger: Self.quiet(logger))
    groupConfiguration.maximumGracefulShutdownDuration = .seconds(configuration.shutdownSecondsMax)
    let serviceGroup = ServiceGroup(configuration: groupConfiguration)
    group.withLock { $0 = serviceGroup }

    do {
      try await serviceGroup.run()
    } catch let error as IOError {
      await engine.close()
      throw MoultError(
        .invalidArgument,
        "cannot listen on \(configuration.host):\(configuration.port): \(error); is another server running there?"
      )
    } catch {
      await engine.close()
      throw error
    }
    await engine.close()
  }

  /// Asks ``run(handlesSignals:onListening:)`` to end; returns at once.
  package func shutDown() async {
    await group.withLock { $0 }?.triggerGracefulShutdown()
  }

  /// Libraries report each of their steps at `info`; that is our `debug`.
  private static func quiet(_ logger: Logger) -> Logger {
    var logger = logger
    if logger.logLevel == .info { logger.logLevel = .notice }
    return logger
  }
}
