internal import MoultEngine
internal import MoultModel

/// Databases: each has its own collections and aliases.
extension MilvusOperations {
  /// Runs `body` in a database.
  ///
  /// - Parameter name: empty or `nil` for the default one.
  /// - Throws: 800 when it is not there.
  func inDatabase<Value>(_ name: String?, _ body: () async throws -> Value) async throws -> Value {
    let name = name.flatMap { $0.isEmpty ? nil : $0 } ?? Name.defaultDatabase
    try requireDatabase(name)
    return try await RequestDatabase.$name.withValue(name, operation: body)
  }

  /// - Throws: 800.
  func requireDatabase(_ name: String) throws { _ = try describeDatabase(name) }

  func createDatabase(_ name: String, properties: [CollectionDefinition.Parameter]) async throws {
    try NameCheck.database(name)
    do {
      try await engine.whole.createDatabase(name, properties: properties.map(DatabaseInfo.Property.init))
    } catch let error as MoultError where error.code == .databaseExists {
      throw MilvusError(code: MilvusError.Code.unexpected, message: "database already exist: \(name)")
    }
  }

  func dropDatabase(_ name: String) async throws {
    guard name != Name.defaultDatabase else {
      throw MilvusError.invalidParameter("can not drop default database")
    }
    do {
      try await engine.whole.dropDatabase(name)
    } catch let error as MoultError where error.code == .databaseNotFound {
      throw MilvusError.databaseNotFound(name)
    } catch let error as MoultError where error.code == .databaseNotEmpty {
      throw MilvusError.invalidParameter(
        "database:\(name) not empty, must drop all collections before drop database")
    }
  }

  func listDatabases() -> [DatabaseInfo] { engine.whole.databases() }

  /// - Throws: 800.
  func describeDatabase(_ name: String) throws -> DatabaseInfo {
    do { return try engine.whole.describeDatabase(name) } catch let error as MoultError
      where error.code == .databaseNotFound
    {
      throw MilvusError.databaseNotFound(name)
    }
  }

  func alterDatabase(_ name: String, set: [CollectionDefinition.Parameter], remove: [String]) async throws {
    guard set.isEmpty || remove.isEmpty else {
      throw MilvusError.invalidParameter("can not provide both DeleteKeys and ExtraParams")
    }
    do {
      try await engine.whole.alterDatabase(
        name, set: set.map(DatabaseInfo.Property.init), remove: remove)
    } catch let error as MoultError where error.code == .databaseNotFound {
      throw MilvusError.databaseNotFound(name)
    }
  }
}

extension DatabaseInfo.Property {
  init(_ parameter: CollectionDefinition.Parameter) { self.init(key: parameter.key, value: parameter.value) }
}

extension CollectionDefinition.Parameter {
  init(_ property: DatabaseInfo.Property) { self.init(key: property.key, value: property.value) }
}
