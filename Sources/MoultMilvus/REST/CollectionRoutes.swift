internal import Hummingbird
internal import MoultEngine
internal import MoultModel
internal import MoultServer

/// `/v2/vectordb/collections/…`.
extension MilvusAPI {
  func addCollectionRoutes(to group: GuardedRoutes) {
    route("collections/create", .write, type: "CollectionReq", to: group) {
      try CreateCollectionRequest(&$0)
    } answer: { input, _ in
      let new = try input.newCollection()
      let indexes = try input.indexes
      try await operations.create(new)
      for index in indexes {
        try await operations.createIndex(
          new.name, field: index.field, name: index.name, parameters: index.parameters)
      }
      if !indexes.isEmpty { _ = try await operations.setLoaded(new.name, true) }
      return MilvusAnswer.success()
    }
    route("collections/drop", .write, type: "CollectionNameReq", to: group) {
      try CollectionNameRequest(&$0)
    } answer: { input, _ in
      try await operations.drop(input.collection)
      return MilvusAnswer.success()
    }
    route("collections/list", .read, type: "DatabaseReq", to: group) { _ in
    } answer: { _, _ in
      let names = try operations.list().map(\.name)
      return MilvusAnswer.success { $0.value(strings: names) }
    }
    route("collections/has", .read, type: "CollectionNameReq", to: group) {
      try CollectionNameRequest(&$0)
    } answer: { input, _ in
      let exists = try operations.has(input.collection)
      return MilvusAnswer.success { json in
        json.beginObject()
        json.member("has", exists)
        json.endObject()
      }
    }
    route("collections/rename", .write, type: "RenameCollectionReq", to: group) {
      (
        try $0.requiredString("collectionName"), try $0.requiredString("newCollectionName"),
        try $0.string("newDbName")
      )
    } answer: { input, _ in
      try await operations.rename(input.0, to: input.1, database: input.2)
      return MilvusAnswer.success()
    }
    route("collections/get_stats", .read, type: "CollectionNameReq", to: group) {
      try CollectionNameRequest(&$0)
    } answer: { input, _ in
      let info = try engine.describeCollection(input.collection)
      return MilvusAnswer.success(servedBy: info.servedBy) { json in
        json.beginObject()
        json.member("rowCount", info.count)
        json.endObject()
      }
    }
    route("collections/describe", .read, type: "CollectionNameReq", to: group) {
      try CollectionNameRequest(&$0)
    } answer: { input, _ in
      let collection = try operations.describe(input.collection)
      return MilvusAnswer.success(message: "", servedBy: collection.info.servedBy) {
        SchemaTranslation.write(collection, askedAs: input.collection, to: &$0)
      }
    }
  }
}
