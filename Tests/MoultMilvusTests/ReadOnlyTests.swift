import Hummingbird
import MoultServerTesting
import Testing

@testable import MoultMilvus
@testable import MoultServer

@Suite("Milvus: a token for reading")
struct ReadOnlyTests {
  /// All else is refused, so a new route must be thought about here.
  private static let routes: Set<String> = [
    "collections/list", "collections/has", "collections/get_stats", "collections/describe",
    "collections/get_load_state", "entities/get", "entities/query", "entities/search",
    "entities/hybrid_search", "entities/advanced_search", "aliases/describe",
    "aliases/list", "indexes/list", "indexes/describe", "collections/get_compaction_state",
    "databases/list", "databases/describe", "partitions/list", "partitions/has", "partitions/get_stats",
    "jobs/import/list", "jobs/import/describe", "jobs/import/get_progress",
    "common/run_analyzer",
  ]
  private static let calls: Set<String> = [
    "Connect", "GetVersion", "CheckHealth", "AllocTimestamp", "ListDatabases", "DescribeDatabase",
    "DescribeCollection", "HasCollection", "ShowCollections", "GetCollectionStatistics",
    "GetPartitionStatistics", "ShowPartitions", "HasPartition", "Query", "Search", "HybridSearch",
    "DescribeIndex", "GetLoadingProgress", "GetLoadState", "GetFlushState", "GetFlushAllState",
    "DescribeAlias", "ListAliases", "GetCompactionState", "GetImportState",
    "ListImportTasks", "RunAnalyzer", "GetCompactionStateWithPlans", "GetQuerySegmentInfo",
    "GetPersistentSegmentInfo", "GetReplicas",
  ]

  @Test("reaches the routes that read; the others say 403 and 1401, whatever comes with them")
  func rest() async throws {
    try await withMilvus(token: "root:Milvus", readOnlyToken: "ann:reads") { server in
      let api = MilvusAPI(engine: server.engine)
      let all = ServerRoutes(engine: server.engine, configuration: ServerConfiguration(), protocols: [api])
        .router().routes.map(\.path.description).filter { $0.hasPrefix(MilvusAPI.root) }
      #expect(all.count > Self.routes.count + 10)
      for path in all {
        let action = String(path.dropFirst(MilvusAPI.root.count + 1))
        for body in ["{}", "no JSON"] {
          let answer = try await server.post(path, body, headers: [("Authorization", "Bearer ann:reads")])
          guard !Self.routes.contains(action) else {
            #expect(answer.status == 200, "\(path)")
            continue
          }
          #expect(answer.status == 403, "\(path)")
          #expect(try answer.json["code"] == .int(1401))
          #expect(try answer.json["message"]?.string?.contains("only allows reading") == true)
        }
      }
    }
  }

  @Test("calls the methods that read; the others say PERMISSION_DENIED, which clients do not repeat")
  func rpc() async throws {
    try await withMilvus(token: "root:Milvus", readOnlyToken: "ann:reads") { server in
      let all = MilvusAPI(engine: server.engine).rpcMethods.map(\.path)
      #expect(all.count > Self.calls.count + 10)
      for path in all {
        let answers = try await RawConnection(port: server.port).answers([
          Frame.opening + Frame.call(path, headers: [("authorization", "YW5uOnJlYWRz")])
        ])
        let name = path.split(separator: "/").last.map(String.init) ?? ""
        #expect(answers.status() == (Self.calls.contains(name) ? "0" : "7"), "\(path)")
      }
    }
  }
}
