internal import MoultEngine
internal import MoultModel

extension MilvusOperations {
  /// The same request again is no error, one for a collection of another kind is.
  func create(_ new: NewCollection) async throws {
    try NameCheck.collection(new.name)
    let schema = try new.definition.schema(metric: new.metric, summary: new.summary)
    do {
      try await engine.createCollection(
        new.name, schema: schema, fields: try new.definition.otherVectors)
    } catch let error as MoultError where error.code == .collectionExists {
      let there = try describe(new.name)
      guard there.definition.hasFields(of: new.definition), there.info.schema.summary == new.summary,
        new.metric == nil || there.info.schema.metric == new.metric
      else {
        throw MilvusError.invalidParameter(
          "create duplicate collection with different parameters, collection: \(new.name)")
      }
    } catch let error as MoultError where error.code == .nameConflict {
      throw MilvusError(
        code: MilvusError.Code.nameConflict,
        message: """
          collection name [\(new.name)] conflicts with an existing alias, please choose a unique name: \
          \(error.milvusError(MilvusNames(collection: new.name)).message)
          """)
    }
  }

  /// By name or alias. - Throws: 1100 for a name that cannot be one, `collectionNotFound`.
  func describe(_ name: String) throws -> DescribedCollection {
    try NameCheck.collection(name)
    let info = try engine.describeCollection(name)
    return DescribedCollection(info: info, definition: try CollectionDefinition(of: info))
  }

  /// A missing collection is no failure.
  func drop(_ name: String) async throws {
    try NameCheck.collection(name)
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

  /// Of collections that can be used, and that the caller may know of.
  func list() throws -> [CollectionInfo] {
    let permissions = permissions
    return try engine.listCollections().filter {
      $0.ready && permissions.knows($0.name, database: Self.database)
    }
  }

  func has(_ name: String) throws -> Bool {
    try NameCheck.collection(name)
    return engine.hasCollection(name)
  }

  func rename(_ name: String, to newName: String, database: String) async throws {
    let database = database.isEmpty ? Self.database : database
    try requireDatabase(database)
    for name in [name, newName] { try NameCheck.collection(name) }
    do {
      try await engine.renameCollection(name, to: newName, database: database)
    } catch let error as MoultError where error.code == .collectionHasAliases {
      throw MilvusError.invalidParameter(
        "fail to rename db name, must drop all aliases of this collection before rename")
    } catch let error as MoultError where error.code == .invalidArgument && isAlias(name) {
      throw MilvusError.invalidParameter("unsupported use an alias to rename collection, alias:\(name)")
    } catch let error as MoultError where error.code == .collectionExists {
      throw MilvusError.invalidParameter(
        "duplicated new collection name \(newName) in database \(database) with other collection name or alias"
      )
    } catch let error as MoultError where error.code == .nameConflict {
      throw error.milvusError(MilvusNames(collection: newName))
    }
  }

  private func isAlias(_ name: String) -> Bool {
    (try? engine.describeAlias(name)) != nil
  }

  // MARK: Loading

  /// Everything is in place at any time, so this opens and closes a door: a released collection answers no search.
  func setLoaded(_ name: String, _ isLoaded: Bool) async throws -> CollectionInfo {
    let collection = try describe(name)
    let indexed = Set(collection.definition.indexes.map(\.field))
    if isLoaded, !collection.definition.vectors.allSatisfy({ indexed.contains($0.name) }) {
      throw MilvusError(
        code: MilvusError.Code.indexNotFound, message: "index not found[collection=\(name)]")
    }
    try await alter(name) { definition in
      definition.isLoaded = isLoaded
      definition.setReleased([])
    }
    return collection.info
  }

  /// - Throws: 101 for a collection that is released, or not ready.
  func requireLoaded(_ collection: DescribedCollection, _ name: String) throws {
    guard collection.definition.isLoaded, collection.info.ready else {
      throw MilvusError(
        code: MilvusError.Code.collectionNotLoaded, message: "collection not loaded[collection=\(name)]")
    }
  }

  func alter(
    _ name: String, _ change: @escaping @Sendable (inout CollectionDefinition) throws -> Void
  ) async throws {
    try await engine.annotate(name) { info in
      let old = try CollectionDefinition(of: info)
      var new = old
      try change(&new)
      if new == old { return info.schema.annotations }
      try Self.requireOwn(info)
      return try new.annotations
    }
  }

  /// - Throws: 1100 where Qdrant's clients have said what the collection is: our definition would replace theirs.
  static func requireOwn(_ info: CollectionInfo) throws {
    guard let annotations = info.schema.annotations, annotations.hasPrefix("{\"qdrant\":") else { return }
    throw MilvusError.invalidParameter(
      "collection \(info.name) was defined by clients of Qdrant; change it over Qdrant's protocol")
  }
}
