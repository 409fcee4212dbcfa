internal import MilvusProto
internal import MoultModel
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
      rpc("AlterCollectionField", .write, ProtoAlterCollectionFieldRequest.self) { request in
        try await operations.alterField(
          request.fieldName, of: request.collectionName,
          set: request.properties.map(CollectionDefinition.Parameter.init), remove: request.deleteKeys)
        return ProtoStatus()
      },
      rpc("AlterCollectionSchema", .write, ProtoAlterCollectionSchemaRequest.self) { request in
        if request.action.hasAddRequest {
          try await add(request.action.addRequest, to: request.collectionName)
        } else {
          let drop = request.action.dropRequest
          if drop.functionName.isEmpty {
            try await operations.dropField(
              drop.fieldName, number: drop.fieldID, of: request.collectionName)
          } else {
            try await operations.dropFunction(
              drop.functionName, of: request.collectionName, dropsOutputs: drop.dropFunctionOutputFields)
          }
        }
        return ProtoAlterCollectionSchemaResponse()
      },
      rpc("TruncateCollection", .write, ProtoTruncateCollectionRequest.self) { request in
        try await operations.truncate(request.collectionName)
        return ProtoTruncateCollectionResponse()
      },
      rpc("ManualCompaction", .write, ProtoManualCompactionRequest.self) { request in
        let name = request.collectionName
        let id = try operations.compact(
          name.isEmpty ? try operations.describe(number: request.collectionID).info.name : name)
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
      rpc("GetCompactionStateWithPlans", .read, ProtoGetCompactionPlansRequest.self) { request in
        let name = request.collectionName
        let id = name.isEmpty ? request.compactionID : try operations.describe(name).info.id
        let merges = try operations.merges(of: id)
        return ProtoGetCompactionPlansResponse.with {
          $0.state = merges.contains { !$0.state.isFinal } ? .executing : .completed
          $0.mergeInfos = merges.map { ProtoCompactionMergeInfo($0, collection: id) }
        }
      },
    ]
  }

  private func add(_ added: ProtoAlterCollectionSchemaRequest.AddRequest, to name: String) async throws {
    guard added.fieldInfos.count == 1, added.funcSchema.count <= 1 else {
      throw MilvusError.invalidParameter(
        "one field, with the function that makes it or without, can be added at once, got \(added.fieldInfos.count) and \(added.funcSchema.count)"
      )
    }
    let info = added.fieldInfos[0]
    let field = try CollectionDefinition.Field(info.fieldSchema)
    guard let function = added.funcSchema.first else { return try await operations.add(field, to: name) }
    try await operations.add(try CollectionDefinition.Function(function), output: field, to: name)
    try await operations.createIndex(
      name, field: info.fieldSchema.name, name: info.indexName,
      parameters: info.extraParams.map(CollectionDefinition.Parameter.init))
  }
}

extension ProtoCompactionMergeInfo {
  fileprivate init(_ merge: JobInfo, collection: Int64) {
    self.init()
    planID = merge.id
    triggerID = collection
    collectionID = collection
    type = .mix
    state = merge.state == .completed ? .completed : merge.state.isFinal ? .failed : .executing
    failureReason = merge.error ?? ""
  }
}
