package import HTTPTypes
package import Hummingbird
package import MoultEngine
package import MoultModel
package import MoultServer

/// The REST protocol of Milvus, version 2: `POST /v2/vectordb/<category>/<action>` with JSON.
package struct MilvusAPI: WireAPI {
  package static let root = "/v2/vectordb"
  /// The database of the request under way.
  static var database: String { RequestDatabase.name }

  let operations: MilvusOperations
  let bodyBytesMax: Int
  /// Of this server's run.
  let clock = HybridClock()

  var engine: DatabaseEngine { operations.engine }

  /// - Parameter importDirectory: where files of imports lie; `nil` imports none.
  package init(
    engine: Engine, bodyBytesMax: Int = ServerConfiguration.defaultBodyBytesMax,
    importDirectory: String? = nil
  ) {
    let imports = ImportDirectory(path: importDirectory)
    operations = MilvusOperations(engine: DatabaseEngine(whole: engine), imports: imports)
    engine.readImports(with: MilvusImportSource(directory: imports))
    self.bodyBytesMax = bodyBytesMax
  }

  package var root: String { Self.root }
  package var answersPreflight: Bool { true }
  package var checksUsers: Bool { true }

  package var headers: HTTPFields {
    [
      .accessControlAllowOrigin: "*",
      .accessControlAllowCredentials: "true",
      .accessControlAllowHeaders:
        "Content-Type, Content-Length, Accept-Encoding, X-CSRF-Token, Authorization, accept, origin, Cache-Control, X-Requested-With",
      .accessControlAllowMethods: "POST, OPTIONS, GET, PUT",
    ]
  }

  package func addRoutes(to group: GuardedRoutes) {
    addAliasRoutes(to: group)
    addCollectionRoutes(to: group)
    addUpkeepRoutes(to: group)
    addFieldRoutes(to: group)
    addLoadRoutes(to: group)
    addEntityRoutes(to: group)
    addSearchRoute(to: group)
    addHybridSearchRoutes(to: group)
    addIndexRoutes(to: group)
    addDatabaseRoutes(to: group)
    addAccessRoutes(to: group)
    addPartitionRoutes(to: group)
    addImportRoutes(to: group)
    addAnalyzerRoutes(to: group)
  }

  package func response(to error: MoultError) -> Response {
    MilvusAnswer.failure(error.milvusError(MilvusNames()))
  }

  /// As the web framework of Milvus says it.
  package func responseToUnknownRoute(_ request: Request) -> Response {
    .text("404 page not found", status: .notFound)
  }
}
