import GRDB
package import MoultModel
import MoultStorage

// Names of collections and aliases say their database; databases themselves are made and dropped here.
extension Engine {
  /// In the order in which they were made; `default` is the first.
  package func databases() -> [DatabaseInfo] {
    aliases.current.databases.values.sorted { $0.id < $1.id }
  }

  package var databaseCount: Int { aliases.current.databases.count }

  /// - Throws: `databaseNotFound`.
  package func describeDatabase(_ name: String) throws -> DatabaseInfo {
    guard let database = aliases.current.databases[name] else {
      throw MoultError(.databaseNotFound, "there is no database '\(name)'")
    }
    return database
  }

  /// - Throws: `invalidArgument` (name, properties, too many databases), `databaseExists`.
  package func createDatabase(_ name: String, properties: [DatabaseInfo.Property]) async throws {
    try Name.validate(name, what: "database")
    try Self.check(properties)
    try await names.run {
      guard aliases.current.databases.count < DatabaseInfo.countMax else {
        throw MoultError(
          .invalidArgument,
          "there are \(DatabaseInfo.countMax) databases, as many as there can be; drop one first")
      }
      let made = try await resources.directory.write { [resources] db in
        try resources.directory.catalog.insertDatabase(name, properties: properties, in: db)
      }
      aliases.publish { $0.databases[name] = made }
    }
  }

  /// Gives properties other values, and takes others away.
  ///
  /// - Throws: `databaseNotFound`, `invalidArgument` (properties).
  package func alterDatabase(_ name: String, set: [DatabaseInfo.Property], remove: [String]) async throws {
    try await names.run {
      var database = try describeDatabase(name)
      database.properties.removeAll { property in
        remove.contains(property.key) || set.contains { $0.key == property.key }
      }
      database.properties += set
      try Self.check(database.properties)
      try await resources.directory.write { [resources, database] db in
        try resources.directory.catalog.setProperties(database.properties, ofDatabase: name, in: db)
      }
      aliases.publish { [database] in $0.databases[name] = database }
    }
  }

  /// - Throws: `databaseNotFound`, `databaseNotEmpty`, `invalidArgument` for `default`.
  package func dropDatabase(_ name: String) async throws {
    guard name != Name.defaultDatabase else {
      throw MoultError(.invalidArgument, "the database '\(name)' cannot be dropped")
    }
    try await names.run {
      try await resources.directory.write { [resources] db in
        try resources.directory.catalog.deleteDatabase(name, in: db)
      }
      aliases.publish { $0.databases[name] = nil }
    }
  }

  private static func check(_ properties: [DatabaseInfo.Property]) throws {
    let bytes = properties.reduce(0) { $0 + $1.key.utf8.count + $1.value.utf8.count }
    guard properties.count <= DatabaseInfo.propertyCountMax, bytes <= DatabaseInfo.propertyBytesMax else {
      throw MoultError(
        .invalidArgument,
        "a database has at most \(DatabaseInfo.propertyCountMax) properties of \(DatabaseInfo.propertyBytesMax) bytes "
          + "altogether, got \(properties.count) of \(bytes)")
    }
    guard Set(properties.map(\.key)).count == properties.count, !properties.contains(where: \.key.isEmpty)
    else {
      throw MoultError(.invalidArgument, "properties of a database need keys, each another one")
    }
  }
}
