internal import MilvusProto
internal import MoultServer
internal import SwiftProtobuf

extension MilvusAPI {
  var indexCalls: [RPCMethod] {
    [
      rpc("CreateIndex", .write, ProtoCreateIndexRequest.self) { request in
        try await operations.createIndex(
          request.collectionName, field: request.fieldName, name: request.indexName,
          parameters: request.extraParams.map(CollectionDefinition.Parameter.init))
        return ProtoStatus()
      },
      rpc("DescribeIndex", .read, ProtoDescribeIndexRequest.self) { request in
        let indexes = try operations.describeIndexes(
          request.collectionName, name: request.indexName, field: request.fieldName)
        return ProtoDescribeIndexResponse.with {
          $0.indexDescriptions = indexes.map(ProtoIndexDescription.init)
        }
      },
      rpc("DropIndex", .write, ProtoDropIndexRequest.self) { request in
        try await operations.dropIndex(request.collectionName, name: request.indexName)
        return ProtoStatus()
      },
      rpc("AlterIndex", .write, ProtoAlterIndexRequest.self) { request in
        try await operations.alterIndex(
          request.collectionName, name: request.indexName,
          set: request.extraParams.map(CollectionDefinition.Parameter.init), remove: request.deleteKeys)
        return ProtoStatus()
      },
    ]
  }
}

extension ProtoIndexDescription {
  fileprivate init(_ described: DescribedIndex) {
    self.init()
    indexName = described.index.name
    fieldName = described.index.field
    indexID = described.id
    params = described.index.parameters.map(ProtoKeyValuePair.init)
    totalRows = Int64(described.rowCount)
    let isFinished = described.state == .finished
    pendingIndexRows = Int64(described.pendingCount)
    indexedRows = totalRows - pendingIndexRows
    state = isFinished ? .finished : .inProgress
  }
}
