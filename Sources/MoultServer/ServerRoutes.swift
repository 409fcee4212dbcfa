internal import HTTPTypes
internal import Hummingbird
internal import Logging
internal import MoultEngine

/// Everything that answers: protocols, health and metrics behind the middleware, and the procedures of gRPC.
struct ServerRoutes: Sendable {
  let engine: Engine
  let configuration: ServerConfiguration
  let protocols: [any WireAPI]
  let connections: ConnectionLimit
  let metrics: ServerMetrics
  /// Of requests under way, over all connections and protocols.
  let budget: ByteBudget

  init(engine: Engine, configuration: ServerConfiguration, protocols: [any WireAPI]) {
    self.engine = engine
    self.configuration = configuration
    connections = ConnectionLimit(max: configuration.connectionsMax)
    metrics = ServerMetrics(connections: connections)
    budget = ByteBudget(limit: max(RPCTable.bytesUnderWayMax, configuration.bodyBytesMax))
    self.protocols =
      [AdminAPI(engine: engine, bodyBytesMax: configuration.bodyBytesMax)] as [any WireAPI] + protocols
  }

  private var authenticator: Authenticator { Authenticator(tokens: configuration.tokens, engine: engine) }

  func router() -> Router<BasicRequestContext> {
    let router = router(
      protocols, Authentication(authenticator: authenticator, openPaths: [HealthRoutes.path]))
    let requestGuard = requestGuard(bodyBytesMax: configuration.bodyBytesMax)
    HealthRoutes(version: configuration.version).add(to: router)
    MetricsRoutes(engine: engine, metrics: metrics, version: configuration.version)
      .add(to: GuardedRoutes(router.group(), requestGuard))
    for wire in protocols {
      wire.addRoutes(
        to: GuardedRoutes(router.group(RouterPath(wire.root)), requestGuard, checksUsers: wire.checksUsers))
    }
    return router
  }

  /// Of a port with one protocol.
  func router(of port: ProtocolPort) -> Router<BasicRequestContext> {
    let router = router(
      [port.wire],
      Authentication(
        authenticator: Authenticator(tokens: port.tokens, engine: engine), openPaths: port.wire.openPaths,
        keyHeader: port.wire.keyHeader))
    port.wire.addRoutes(
      to: GuardedRoutes(
        router.group(RouterPath(port.wire.root)), requestGuard(bodyBytesMax: port.bodyBytesMax),
        checksUsers: port.wire.checksUsers))
    return router
  }

  private func router(
    _ protocols: [any WireAPI], _ authentication: Authentication
  ) -> Router<BasicRequestContext> {
    let router = Router(context: BasicRequestContext.self)
    router.add(middleware: RequestLogging())
    router.add(middleware: RequestMetrics(metrics: metrics))
    router.add(middleware: ProtocolErrors(protocols: protocols))
    router.add(middleware: authentication)
    router.add(middleware: RequesterNaming())
    return router
  }

  private func requestGuard(bodyBytesMax: Int) -> RequestGuard {
    RequestGuard(bodyBytesMax: bodyBytesMax, budget: budget, secondsMax: configuration.requestSecondsMax)
  }

  func rpcTable(logger: Logger) -> RPCTable {
    rpcTable(protocols, authenticator, logger)
  }

  func rpcTable(of port: ProtocolPort, logger: Logger) -> RPCTable {
    rpcTable(
      [port.wire], Authenticator(tokens: port.tokens, engine: engine), logger,
      keyHeader: port.wire.keyHeader?.canonicalName)
  }

  private func rpcTable(
    _ protocols: [any WireAPI], _ authenticator: Authenticator, _ logger: Logger, keyHeader: String? = nil
  ) -> RPCTable {
    RPCTable(
      methods: protocols.flatMap(\.rpcMethods), authenticator: authenticator, metrics: metrics,
      logger: logger,
      budget: budget, queuedCallsMax: configuration.queuedCallsMax,
      secondsMax: configuration.requestSecondsMax,
      pace: configuration.pace, keyHeader: keyHeader)
  }
}
