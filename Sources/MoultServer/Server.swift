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
  private let ports: [ProtocolPort]
  private let group = Mutex<ServiceGroup?>(nil)
  /// Ports that are listened on, by their places: first the server's own, then `ports`.
  private let listening = Mutex<[Int: Int]>([:])

  /// - Parameters:
  ///   - protocols: beside the admin API, which is always there.
  ///   - ports: beside the one of the configuration.
  package init(
    engine: Engine, configuration: ServerConfiguration, protocols: [any WireAPI] = [],
    ports: [ProtocolPort] = [], logger: Logger
  ) {
    self.ports = ports
    self.engine = engine
    self.configuration = configuration
    self.logger = logger
    routes = ServerRoutes(engine: engine, configuration: configuration, protocols: protocols)
  }

  /// The ports of the further protocols, in their order; empty until all are listened on.
  package var protocolPorts: [Int] {
    listening.withLock { listening in
      listening.count > ports.count ? ports.indices.compactMap { listening[$0 + 1] } : []
    }
  }

  /// Serves until a signal or ``shutDown()``; the engine is closed when it returns.
  ///
  /// - Parameters:
  ///   - handlesSignals: whether SIGTERM and SIGINT end it.
  ///   - onListening: called with the server's own port once requests are answered on all of them.
  /// - Throws: `invalidArgument` when the address cannot be listened on.
  package func run(
    handlesSignals: Bool = true, onListening: @escaping @Sendable (_ port: Int) async -> Void = { _ in }
  ) async throws {
    let count = 1 + ports.count
    let onRunning: @Sendable (Int, Int) async -> Void = { [self] place, port in
      let own = listening.withLock { listening -> Int? in
        listening[place] = port
        return listening.count == count ? listening[0] : nil
      }
      if let own { await onListening(own) }
    }
    var applications: [any Service] = [
      application(
        routes.router(), port: configuration.port, bodyBytesMax: configuration.bodyBytesMax,
        table: routes.rpcTable(logger: logger)
      ) { await onRunning(0, $0) }
    ]
    for (place, port) in ports.enumerated() {
      applications.append(
        application(
          routes.router(of: port), port: port.port, bodyBytesMax: port.bodyBytesMax,
          table: routes.rpcTable(of: port, logger: logger)
        ) { await onRunning(place + 1, $0) })
    }

    // The group ends its services from the last to the first: the listener before the jobs.
    var services: [any Service] = engine.backgroundServices
    if handlesSignals, let certificates = configuration.certificates {
      services.append(CertificateReloader(certificates: certificates, logger: logger))
    }
    var groupConfiguration = ServiceGroupConfiguration(
      services: services + applications,
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
        "cannot listen on \(addresses): \(error); is another server running there?"
      )
    } catch {
      await engine.close()
      throw error
    }
    await engine.close()
  }

  private var addresses: String {
    ([configuration.port] + ports.map(\.port)).map { "\(configuration.host):\($0)" }.joined(separator: " or ")
  }

  /// What listens on one port.
  private func application(
    _ router: Router<BasicRequestContext>, port: Int, bodyBytesMax: Int, table: RPCTable,
    onRunning: @escaping @Sendable (_ port: Int) async -> Void
  ) -> some Service {
    Application(
      router: router,
      server: HTTPServerBuilder { [routes, configuration] responder in
        OnePortChannel(
          http1: HTTP1Channel(
            responder: responder,
            configuration: HTTP1Channel.Configuration(
              additionalChannelHandlers: [
                AnswerPace(pace: configuration.pace, metrics: routes.metrics),
                ContinueHandler(bodyBytesMax: bodyBytesMax), ClosingHandler(),
              ],
              idleTimeout: .seconds(Int64(configuration.idleSecondsMax)))),
          table: table, connections: routes.connections, metrics: routes.metrics,
          pace: configuration.pace, certificates: configuration.certificates,
          graceSeconds: configuration.shutdownSecondsMax)
      },
      configuration: ApplicationConfiguration(
        address: .hostname(configuration.host, port: port), serverName: "moult"),
      onServerRunning: { await onRunning($0.localAddress?.port ?? 0) },
      logger: Self.quiet(logger))
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
