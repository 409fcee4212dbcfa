internal import Hummingbird
internal import MoultEngine
internal import MoultModel
internal import MoultServer

/// `/v2/vectordb/collections/…`.
extension MilvusAPI {
  func addCollectionRoutes(to group: RouterGroup<Context>) {
    route("collections/create", type: "CollectionReq", to: group) {
      try CreateCollectionRequest(&$0)
    } answer: { input, _ in
      try await create(input)
      return MilvusAnswer.success()
    }
    route("collections/drop", type: "CollectionNameReq", to: group) {
      try CollectionNameRequest(&$0)
    } answer: { input, _ in
      try NameCheck.collection(input.collection)
      try await drop(input.collection)
      return MilvusAnswer.success()
    }
    route("collections/list", type: "DatabaseReq", to: group) { _ in
    } answer: { _, _ in
      let names = try engine.listCollections().filter(\.ready).map(\.name)
      return MilvusAnswer.success { $0.value(strings: names) }
    }
    route("collections/has", type: "CollectionNameReq", to: group) {
      try CollectionNameRequest(&$0)
    } answer: { input, _ in
      try NameCheck.collection(input.collection)
      let exists = engine.hasCollection(input.collection)
      return MilvusAnswer.success { json in
        json.beginObject()
        json.member("has", exists)
        json.endObject()
      }
    }
    route("collections/get_stats", type: "CollectionNameReq", to: group) {
      try CollectionNameRequest(&$0)
    } answer: { input, _ in
      let info = try engine.describeCollection(input.collection)
      return MilvusAnswer.success(servedBy: info.servedBy) { json in
        json.beginObject()
        json.member("rowCount", info.count)
        json.endObject()
      }
    }
    route("collections/describe", type: "CollectionNameReq", to: group) {
      try CollectionNameRequest(&$0)
    } answer: { input, _ in
      try NameCheck.collection(input.collection)
      let info = try engine.describeCollection(input.collection)
      return MilvusAnswer.success(message: "", servedBy: info.servedBy) {
        SchemaTranslation.write(info, askedAs: input.collection, to: &$0)
      }
    }
  }

  /// The same request again is no error, one for a collection of another kind is.
  private func create(_ input: CreateCollectionRequest) async throws {
    try NameCheck.collection(input.collection)
    let schema = try input.collectionSchema()
    do {
      _ = try await engine.createCollection(input.collection, schema: schema)
    } catch let error as MoultError where error.code == .collectionExists {
      guard try engine.describeCollection(input.collection).schema == schema else {
        throw MilvusError.invalidParameter(
          "create duplicate collection with different parameters, collection: \(input.collection)")
      }
    } catch let error as MoultError where error.code == .nameConflict {
      throw MilvusError(
        code: MilvusError.Code.nameConflict,
        message: """
          collection name [\(input.collection)] conflicts with an existing alias, please choose a unique name: \
          \(error.milvusError(MilvusNames(collection: input.collection)).message)
          """)
    }
  }

  private func drop(_ name: String) async throws {
    do {
      try await engine.dropCollection(name)
    } catch let error as MoultError where error.code == .collectionNotFound {
      return
    } catch let error as MoultError where error.code == .collectionHasAliases {
      let aliases = (try? engine.listAliases(of: name)) ?? []
      throw MilvusError.invalidParameter(
        """
        unable to drop the collection [\(name)] because it has associated aliases \
        [\(aliases.map(\.alias).joined(separator: " "))], please remove all aliases before dropping the collection
        """)
    } catch let error as MoultError where error.code == .invalidArgument && isAlias(name) {
      throw MilvusError.invalidParameter("cannot drop the collection via alias = \(name)")
    }
  }

  private func isAlias(_ name: String) -> Bool {
    (try? engine.describeAlias(name)) != nil
  }
}
