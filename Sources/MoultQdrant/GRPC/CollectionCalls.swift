internal import HTTPTypes
internal import MoultServer
internal import QdrantProto
internal import SwiftProtobuf

/// The service `Collections`.
extension QdrantAPI {
  private static let service = "Collections"

  var collectionCalls: [RPCMethod] {
    [
      rpc(Self.service, "Get", .read, ProtoGetCollectionInfoRequest.self) { request in
        let result = try await result(of: .get, "collections/{name}", in: request.collectionName)
        let info = try ProtoCollectionInfo(result)
        return ProtoGetCollectionInfoResponse.with { $0.result = info }
      },
      rpc(Self.service, "List", .read, ProtoListCollectionsRequest.self) { _ in
        let result = try await result(of: .get, "collections")
        return ProtoListCollectionsResponse.with {
          $0.collections = (result["collections"]?.array ?? []).map { one in
            .with { $0.name = one["name"]?.string ?? "" }
          }
        }
      },
      rpc(Self.service, "Create", .write, ProtoCreateCollection.self) { request in
        try await isDone(.put, "collections/{name}", in: request.collectionName, try request.body)
      },
      rpc(Self.service, "Update", .write, ProtoUpdateCollection.self) { request in
        try await isDone(.patch, "collections/{name}", in: request.collectionName, try request.body)
      },
      rpc(Self.service, "Delete", .write, ProtoDeleteCollection.self) { request in
        try await isDone(.delete, "collections/{name}", in: request.collectionName)
      },
      rpc(Self.service, "UpdateAliases", .write, ProtoChangeAliases.self) { request in
        try await isDone(.post, "collections/aliases", in: "", request.body)
      },
      rpc(Self.service, "ListAliases", .read, ProtoListAliasesRequest.self) { _ in
        Self.aliases(try await result(of: .get, "aliases"))
      },
      rpc(Self.service, "ListCollectionAliases", .read, ProtoListCollectionAliasesRequest.self) { request in
        Self.aliases(try await result(of: .get, "collections/{name}/aliases", in: request.collectionName))
      },
      rpc(Self.service, "CollectionExists", .read, ProtoCollectionExistsRequest.self) { request in
        let result = try await result(of: .get, "collections/{name}/exists", in: request.collectionName)
        return ProtoCollectionExistsResponse.with { $0.result.exists = result["exists"]?.bool ?? false }
      },
    ]
  }

  private func isDone(
    _ method: HTTPRequest.Method, _ path: String, in collection: String, _ body: JSONObject? = nil
  ) async throws -> ProtoCollectionOperationResponse {
    let result = try await result(of: method, path, in: collection, body: body)
    return .with { $0.result = result.bool ?? true }
  }

  private static func aliases(_ result: JSON) -> ProtoListAliasesResponse {
    .with {
      $0.aliases = (result["aliases"]?.array ?? []).map { one in
        .with {
          $0.aliasName = one["alias_name"]?.string ?? ""
          $0.collectionName = one["collection_name"]?.string ?? ""
        }
      }
    }
  }
}
