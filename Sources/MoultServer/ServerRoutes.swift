internal import HTTPTypes
internal import Hummingbird
internal import Logging
internal import MoultEngine

/// Everything that answers: protocols, health and metrics behind the middleware, and the procedures of gRPC.
struct ServerRoutes: Sendable {
  let engine: Engine
  let configuration: ServerConfiguration
  let protocols: [any WireAPI]
  let metrics = ServerMetrics()

  init(engine: Engine, configuration: ServerConfiguration, protocols: [any WireAPI]) {
    self.engine = engine
    self.configuration = configuration
    self.protocols =
      [AdminAPI(engine: engine, bodyBytesMax: configuration.bodyBytesMax)] as [any WireAPI] + protocols
  }

  func router() -> Router<BasicRequestContext> {
    let router = Router(context: BasicRequestContext.self)
    router.add(middleware: RequestLogging())
    router.add(middleware: RequestMetrics(metrics: metrics))
    router.add(middleware: ProtocolErrors(protocols: protocols))
    router.add(middleware: Authentication(tokens: configuration.tokens))
    router.add(middleware: RequesterNaming())
    router.add(middleware: RequestLimits(bodyBytesMax: configuration.bodyBytesMax))

    HealthRoutes(version: configuration.version).add(to: router)
    MetricsRoutes(engine: engine, metrics: metrics, version: configuration.version)
      .add(to: GuardedRoutes(router.group()))
    for wire in protocols { wire.addRoutes(to: GuardedRoutes(router.group(RouterPath(wire.root)))) }
    return router
  }

  func rpcTable(logger: Logger) -> RPCTable {
    RPCTable(
      methods: protocols.flatMap(\.rpcMethods), tokens: configuration.tokens, metrics: metrics, logger: logger
    )
  }
}
