package import HTTPTypes
package import Hummingbird
package import MoultEngine
package import MoultModel
package import MoultServer

/// The protocols of Qdrant, REST and gRPC, on ports of their own: REST's paths begin at the root.
package struct QdrantAPI: WireAPI {
  /// As many bytes as Qdrant takes.
  package static let defaultBodyBytesMax = 32 << 20
  /// The version of Qdrant whose protocol this is; clients warn where theirs is another.
  static let protocolVersion = "1.20.0"

  let operations: QdrantOperations
  let bodyBytesMax: Int
  let handlers = QdrantHandlers()
  let started = ContinuousClock.now

  package init(engine: Engine, bodyBytesMax: Int = QdrantAPI.defaultBodyBytesMax) {
    operations = QdrantOperations(engine: engine)
    engine.knowVectorNames { info in (try? QdrantDefinition(of: info))?.names ?? [] }
    self.bodyBytesMax = bodyBytesMax
  }

  package var root: String { "" }
  package var answersPreflight: Bool { true }
  package var openPaths: Set<String> { ["/", "/healthz", "/livez", "/readyz"] }
  package var keyHeader: HTTPField.Name? { HTTPField.Name("api-key") }

  package var headers: HTTPFields {
    [
      .accessControlAllowOrigin: "*", .accessControlAllowHeaders: "*",
      .accessControlAllowMethods: "GET, POST, PUT, PATCH, DELETE, OPTIONS",
    ]
  }

  package func addRoutes(to group: GuardedRoutes) {
    addServiceRoutes(to: group)
    addCollectionRoutes(to: group)
    addVectorNameRoutes(to: group)
    addAliasRoutes(to: group)
    addPointRoutes(to: group)
    addPayloadRoutes(to: group)
    addReadingRoutes(to: group)
    addQueryRoutes(to: group)
    addIndexRoutes(to: group)
    addSnapshotRoutes(to: group)
  }

  /// What failed before a route was reached. Whoever shows no key, or the wrong one, is told so in plain text.
  package func response(to error: MoultError) -> Response {
    switch error.code {
    case .unauthenticated: .text(error.message, status: .unauthorized)
    case .permissionDenied: .text("Forbidden: \(error.message)", status: .forbidden)
    default: QdrantAnswer.failure(QdrantError(error), since: .now)
    }
  }

  package func responseToUnknownRoute(_ request: Request) -> Response { .text("", status: .notFound) }
}
