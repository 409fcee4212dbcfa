internal import MilvusProto
internal import MoultServer
internal import SwiftProtobuf

extension MilvusAPI {
  var upkeepCalls: [RPCMethod] {
    [
      rpc("AlterCollection", .write, ProtoAlterCollectionRequest.self) { request in
        try await operations.alterProperties(
          request.collectionName, set: request.properties.map(CollectionDefinition.Parameter.init),
          remove: request.deleteKeys)
        return ProtoStatus()
      },
      rpc("AddCollectionField", .write, ProtoAddCollectionFieldRequest.self) { request in
        let schema: ProtoFieldSchema
        do {
          schema = try ProtoFieldSchema(serializedBytes: request.schema)
        } catch {
          throw MilvusError.invalidParameter("the field cannot be read: \(error)")
        }
        try await operations.add(try CollectionDefinition.Field(schema), to: request.collectionName)
        return ProtoStatus()
      },
      rpc("TruncateCollection", .write, ProtoTruncateCollectionRequest.self) { request in
        try await operations.truncate(request.collectionName)
        return ProtoTruncateCollectionResponse()
      },
      rpc("ManualCompaction", .write, ProtoManualCompactionRequest.self) { request in
        let id = try operations.compact(request.collectionName)
        let running = try operations.compaction(id).running
        return ProtoManualCompactionResponse.with {
          $0.compactionID = id
          $0.compactionPlanCount = Int32(clamping: running)
        }
      },
      rpc("GetCompactionState", .read, ProtoGetCompactionStateRequest.self) { request in
        let (running, completed, failed) = try operations.compaction(request.compactionID)
        return ProtoGetCompactionStateResponse.with {
          $0.state = running > 0 ? .executing : .completed
          $0.executingPlanNo = Int64(running)
          $0.completedPlanNo = Int64(completed)
          $0.failedPlanNo = Int64(failed)
        }
      },
    ]
  }
}
