internal import MoultEngine
internal import MoultModel

/// Aliases: the names by which applications reach collections.
extension MilvusOperations {
  func createAlias(_ alias: String, of collection: String) async throws {
    try NameCheck.alias(alias)
    try NameCheck.collection(collection)
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

  func alterAlias(_ alias: String, to collection: String) async throws {
    try NameCheck.alias(alias)
    try NameCheck.collection(collection)
    do {
      try await engine.alterAlias(alias, collection: collection)
    } catch let error as MoultError where error.code == .collectionNotFound {
      throw Self.collectionNotFound(collection)
    }
  }

  /// A missing alias is no failure.
  func dropAlias(_ alias: String) async throws {
    try NameCheck.alias(alias)
    try await engine.dropAlias(alias)
  }

  /// - Returns: the collection's own name.
  func describeAlias(_ alias: String) throws -> String {
    try NameCheck.alias(alias)
    return try engine.describeAlias(alias)
  }

  /// - Parameter collection: empty for all.
  func listAliases(of collection: String) throws -> [String] {
    do {
      return try engine.listAliases(of: collection.isEmpty ? nil : collection).map(\.alias)
    } catch let error as MoultError where error.code == .collectionNotFound {
      throw Self.collectionNotFound(collection)
    }
  }

  /// 100 as `alter` and `list` say it.
  private static func collectionNotFound(_ name: String) -> MilvusError {
    MilvusError(
      code: MilvusError.Code.collectionNotFound, message: "collection not found[collection=\(name)]")
  }
}
