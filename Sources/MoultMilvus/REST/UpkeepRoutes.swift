internal import Hummingbird
internal import MoultServer

/// `/v2/vectordb/collections/…`: what is done to a collection as a whole.
extension MilvusAPI {
  func addUpkeepRoutes(to group: GuardedRoutes) {
    route("collections/alter_properties", .write, type: "CollectionReqWithProperties", to: group) { fields in
      (
        try fields.requiredString("collectionName"),
        JSONParameter.list(try fields.fields.fields("properties"))
      )
    } answer: { input, _ in
      try await operations.alterProperties(input.0, set: input.1, remove: [])
      return MilvusAnswer.success()
    }
    route("collections/drop_properties", .write, type: "DropCollectionPropertiesReq", to: group) { fields in
      (try fields.requiredString("collectionName"), try fields.strings("propertyKeys") ?? [])
    } answer: { input, _ in
      try await operations.alterProperties(input.0, set: [], remove: input.1)
      return MilvusAnswer.success()
    }
    route("collections/truncate", .write, type: "CollectionNameReq", to: group) {
      try CollectionNameRequest(&$0)
    } answer: { input, _ in
      try await operations.truncate(input.collection)
      return MilvusAnswer.success()
    }
    route("collections/compact", .write, type: "CollectionNameReq", to: group) {
      try CollectionNameRequest(&$0)
    } answer: { input, _ in
      let id = try operations.compact(input.collection)
      return MilvusAnswer.success { json in
        json.beginObject()
        json.member("compactionID", Int(id))
        json.endObject()
      }
    }
    route("collections/get_compaction_state", .read, type: "GetCompactionStateReq", to: group) { fields in
      guard let id = try fields.fields.int("jobID") else {
        _ = fields.required("jobID")
        return 0
      }
      return id
    } answer: { id, _ in
      let (running, completed, _) = try operations.compaction(Int64(id))
      return MilvusAnswer.success { json in
        json.beginObject()
        json.member("compactionID", id)
        json.member("completedPlanNumber", completed)
        json.member("executingPlanNumber", running)
        json.member("state", running > 0 ? "Executing" : "Completed")
        json.member("timeoutPlanNumber", 0)
        json.endObject()
      }
    }
  }
}
