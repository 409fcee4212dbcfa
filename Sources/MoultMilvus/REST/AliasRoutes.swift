internal import Hummingbird
internal import MoultEngine
internal import MoultModel
internal import MoultServer

/// `/v2/vectordb/aliases/…`: the names by which applications reach collections.
extension MilvusAPI {
  private struct AliasAndCollection {
    var alias: String
    var collection: String

    init(_ fields: inout MilvusFields) throws {
      collection = try fields.requiredString("collectionName")
      alias = try fields.requiredString("aliasName")
    }
  }

  func addAliasRoutes(to group: GuardedRoutes) {
    route("aliases/create", .write, type: "AliasCollectionReq", to: group) {
      try AliasAndCollection(&$0)
    } answer: { input, _ in
      try await operations.createAlias(input.alias, of: input.collection)
      return MilvusAnswer.success()
    }
    route("aliases/alter", .write, type: "AliasCollectionReq", to: group) {
      try AliasAndCollection(&$0)
    } answer: { input, _ in
      try await operations.alterAlias(input.alias, to: input.collection)
      return MilvusAnswer.success()
    }
    route("aliases/drop", .write, type: "AliasReq", to: group) {
      try $0.requiredString("aliasName")
    } answer: { alias, _ in
      try await operations.dropAlias(alias)
      return MilvusAnswer.success()
    }
    route("aliases/describe", .read, type: "AliasReq", to: group) {
      try $0.requiredString("aliasName")
    } answer: { alias, _ in
      let collection = try operations.describeAlias(alias)
      return MilvusAnswer.success { json in
        json.beginObject()
        json.member("aliasName", alias)
        json.member("collectionName", collection)
        json.member("dbName", Self.database)
        json.endObject()
      }
    }
    route("aliases/list", .read, type: "OptionalCollectionNameReq", to: group) {
      try $0.string("collectionName")
    } answer: { collection, _ in
      let aliases = try operations.listAliases(of: collection)
      return MilvusAnswer.success { $0.value(strings: aliases) }
    }
  }
}
