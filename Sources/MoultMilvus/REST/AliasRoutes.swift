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

    func checkNames() throws {
      try NameCheck.alias(alias)
      try NameCheck.collection(collection)
    }
  }

  func addAliasRoutes(to group: RouterGroup<Context>) {
    route("aliases/create", type: "AliasCollectionReq", to: group) {
      try AliasAndCollection(&$0)
    } answer: { input, _ in
      try input.checkNames()
      try await createAlias(input.alias, of: input.collection)
      return MilvusAnswer.success()
    }
    route("aliases/alter", type: "AliasCollectionReq", to: group) {
      try AliasAndCollection(&$0)
    } answer: { input, _ in
      try input.checkNames()
      do {
        try await engine.alterAlias(input.alias, collection: input.collection)
      } catch let error as MoultError where error.code == .collectionNotFound {
        throw Self.collectionNotFound(input.collection)
      }
      return MilvusAnswer.success()
    }
    route("aliases/drop", type: "AliasReq", to: group) {
      try $0.requiredString("aliasName")
    } answer: { alias, _ in
      try NameCheck.alias(alias)
      try await engine.dropAlias(alias)
      return MilvusAnswer.success()
    }
    route("aliases/describe", type: "AliasReq", to: group) {
      try $0.requiredString("aliasName")
    } answer: { alias, _ in
      try NameCheck.alias(alias)
      let collection = try engine.describeAlias(alias)
      return MilvusAnswer.success { json in
        json.beginObject()
        json.member("aliasName", alias)
        json.member("collectionName", collection)
        json.member("dbName", Self.database)
        json.endObject()
      }
    }
    route("aliases/list", type: "OptionalCollectionNameReq", to: group) {
      try $0.string("collectionName")
    } answer: { collection, _ in
      let aliases: [(alias: String, collection: String)]
      do {
        aliases = try engine.listAliases(of: collection.isEmpty ? nil : collection)
      } catch let error as MoultError where error.code == .collectionNotFound {
        throw Self.collectionNotFound(collection)
      }
      return MilvusAnswer.success { $0.value(strings: aliases.map(\.alias)) }
    }
  }

  private func createAlias(_ alias: String, of collection: String) async throws {
    do {
      try await engine.createAlias(alias, collection: collection)
    } catch let error as MoultError where error.code == .collectionNotFound {
      throw MilvusError(
        code: MilvusError.Code.collectionNotFound,
        message: "collection not found[database=\(Self.database)][collection=\(collection)]")
    } catch let error as MoultError where error.code == .aliasExists {
      // Named for the message only: it may have moved on since.
      let holder = (try? engine.describeAlias(alias)) ?? ""
      throw MoultError(.aliasExists, "\(alias) is alias to another collection: \(holder)")
    }
  }

  /// 100 as `alter` and `list` say it.
  private static func collectionNotFound(_ name: String) -> MilvusError {
    MilvusError(
      code: MilvusError.Code.collectionNotFound, message: "collection not found[collection=\(name)]")
  }
}
