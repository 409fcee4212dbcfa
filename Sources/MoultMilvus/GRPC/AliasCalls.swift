internal import MilvusProto
internal import MoultServer
internal import SwiftProtobuf

extension MilvusAPI {
  var aliasCalls: [RPCMethod] {
    [
      rpc("CreateAlias", .write, ProtoCreateAliasRequest.self) { request in
        try await operations.createAlias(request.alias, of: request.collectionName)
        return ProtoStatus()
      },
      rpc("AlterAlias", .write, ProtoAlterAliasRequest.self) { request in
        try await operations.alterAlias(request.alias, to: request.collectionName)
        return ProtoStatus()
      },
      rpc("DropAlias", .write, ProtoDropAliasRequest.self) { request in
        try await operations.dropAlias(request.alias)
        return ProtoStatus()
      },
      rpc("DescribeAlias", .read, ProtoDescribeAliasRequest.self) { request in
        let collection = try operations.describeAlias(request.alias)
        return ProtoDescribeAliasResponse.with {
          $0.dbName = Self.database
          $0.alias = request.alias
          $0.collection = collection
        }
      },
      rpc("ListAliases", .read, ProtoListAliasesRequest.self) { request in
        let aliases = try operations.listAliases(of: request.collectionName)
        return ProtoListAliasesResponse.with {
          $0.dbName = Self.database
          $0.collectionName = request.collectionName
          $0.aliases = aliases
        }
      },
    ]
  }
}
