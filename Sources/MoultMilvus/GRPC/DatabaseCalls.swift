internal import MilvusProto
internal import MoultModel
internal import MoultServer
internal import SwiftProtobuf

extension MilvusAPI {
  var databaseCalls: [RPCMethod] {
    [
      rpc("CreateDatabase", .write, ProtoCreateDatabaseRequest.self, isInDatabase: false) { request in
        try await operations.createDatabase(
          request.dbName, properties: request.properties.map(CollectionDefinition.Parameter.init))
        return ProtoStatus()
      },
      rpc("DropDatabase", .write, ProtoDropDatabaseRequest.self, isInDatabase: false) { request in
        try await operations.dropDatabase(request.dbName)
        return ProtoStatus()
      },
      rpc("ListDatabases", .read, ProtoListDatabasesRequest.self, isInDatabase: false) { _ in
        let databases = operations.listDatabases()
        return ProtoListDatabasesResponse.with {
          $0.dbNames = databases.map(\.name)
          $0.dbIds = databases.map(\.id)
          $0.createdTimestamp = databases.map(\.timestamp)
        }
      },
      rpc("DescribeDatabase", .read, ProtoDescribeDatabaseRequest.self, isInDatabase: false) { request in
        let name = request.dbName.isEmpty ? Name.defaultDatabase : request.dbName
        let database = try operations.describeDatabase(name)
        return ProtoDescribeDatabaseResponse.with {
          $0.dbName = database.name
          $0.dbID = database.id
          $0.createdTimestamp = database.timestamp
          $0.properties = database.properties.map { ProtoKeyValuePair(.init($0)) }
        }
      },
      rpc("AlterDatabase", .write, ProtoAlterDatabaseRequest.self, isInDatabase: false) { request in
        try await operations.alterDatabase(
          request.dbName, set: request.properties.map(CollectionDefinition.Parameter.init),
          remove: request.deleteKeys)
        return ProtoStatus()
      },
    ]
  }
}

extension DatabaseInfo {
  fileprivate var timestamp: UInt64 {
    HybridClock.timestamp(milliseconds: createdAt, counter: UInt64(truncatingIfNeeded: id))
  }
}
