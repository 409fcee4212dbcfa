internal import Hummingbird
internal import MoultModel
internal import MoultServer

/// `/v2/vectordb/partitions/…`.
extension MilvusAPI {
  private struct PartitionName {
    var collection: String
    var name: String

    init(_ fields: inout MilvusFields) throws {
      collection = try fields.requiredString("collectionName")
      name = try fields.requiredString("partitionName")
    }
  }

  func addPartitionRoutes(to group: GuardedRoutes) {
    route("partitions/create", .write, type: "PartitionReq", to: group) {
      try PartitionName(&$0)
    } answer: { input, _ in
      try await operations.createPartition(input.name, of: input.collection)
      return MilvusAnswer.success()
    }
    route("partitions/drop", .write, type: "PartitionReq", to: group) {
      try PartitionName(&$0)
    } answer: { input, _ in
      try await operations.dropPartition(input.name, of: input.collection)
      return MilvusAnswer.success()
    }
    route("partitions/list", .read, type: "CollectionNameReq", to: group) {
      try CollectionNameRequest(&$0)
    } answer: { input, _ in
      let names = try operations.describe(input.collection).definition.partitionNames
      return MilvusAnswer.success { $0.value(strings: names) }
    }
    route("partitions/has", .read, type: "PartitionReq", to: group) {
      try PartitionName(&$0)
    } answer: { input, _ in
      let names = try operations.describe(input.collection).definition.partitionNames
      return MilvusAnswer.success { json in
        json.beginObject()
        json.member("has", names.contains(input.name))
        json.endObject()
      }
    }
    route("partitions/get_stats", .read, type: "PartitionReq", to: group) {
      try PartitionName(&$0)
    } answer: { input, _ in
      let count = try await operations.countPoints(ofPartition: input.name, of: input.collection)
      return MilvusAnswer.success { json in
        json.beginObject()
        json.member("rowCount", count)
        json.endObject()
      }
    }
    for (action, isLoaded) in [("load", true), ("release", false)] {
      route("partitions/\(action)", .write, type: "PartitionsReq", to: group) { fields in
        let collection = try fields.requiredString("collectionName")
        _ = fields.required("partitionNames")
        return (collection, try fields.strings("partitionNames") ?? [])
      } answer: { input, _ in
        try await operations.setLoaded(partitions: input.1, of: input.0, isLoaded)
        if isLoaded { try await operations.catchUpIndex(of: try operations.describe(input.0)) }
        return MilvusAnswer.success()
      }
    }
  }
}
