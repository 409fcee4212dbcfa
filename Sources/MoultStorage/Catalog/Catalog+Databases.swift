import Foundation
package import GRDB
package import MoultModel

/// Databases: spaces of names. What belongs to one says so in its name; see `Name.parts(of:)`.
extension Catalog {
  /// Beside the catalog's own: an older Moult can read a directory with databases, it only shows all names whole.
  package static func registerDatabaseMigrations(in migrator: inout DatabaseMigrator) {
    migrator.registerMigration("databases-1") { db in
      try db.execute(
        sql: """
          CREATE TABLE databases (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            name TEXT NOT NULL UNIQUE,
            properties TEXT NOT NULL DEFAULT '[]',
            created_at INTEGER NOT NULL
          ) STRICT;
          INSERT INTO databases (id, name, created_at)
          VALUES (1, 'default', CAST(strftime('%s', 'now') AS INTEGER) * 1000);
          """)
    }
  }

  /// All of them, in the order in which they were made.
  package func databases(in db: Database) throws -> [DatabaseInfo] {
    try Row.fetchAll(db, sql: "SELECT * FROM databases ORDER BY id").map { row in
      DatabaseInfo(
        name: row["name"], id: row["id"],
        properties: try decodeJSON(row["properties"], "properties of a database"),
        createdAt: row["created_at"])
    }
  }

  /// - Throws: `databaseExists`.
  package func insertDatabase(
    _ name: String, properties: [DatabaseInfo.Property], in db: Database
  ) throws -> DatabaseInfo {
    guard try !hasDatabase(name, in: db) else {
      throw MoultError(.databaseExists, "there is a database '\(name)' already")
    }
    let createdAt = now()
    try db.execute(
      sql: "INSERT INTO databases (name, properties, created_at) VALUES (?, ?, ?)",
      arguments: [name, try encodeJSON(properties), createdAt])
    return DatabaseInfo(name: name, id: db.lastInsertedRowID, properties: properties, createdAt: createdAt)
  }

  /// - Throws: `databaseNotFound`.
  package func setProperties(
    _ properties: [DatabaseInfo.Property], ofDatabase name: String, in db: Database
  ) throws {
    try db.execute(
      sql: "UPDATE databases SET properties = ? WHERE name = ?",
      arguments: [try encodeJSON(properties), name])
    guard db.changesCount == 1 else { throw databaseNotFound(name) }
  }

  /// - Throws: `databaseNotFound`, `databaseNotEmpty`.
  package func deleteDatabase(_ name: String, in db: Database) throws {
    let prefix = Name.qualified("", in: name)
    let collection = try String.fetchOne(
      db, sql: "SELECT name FROM collections WHERE substr(name, 1, ?) = ?", arguments: [prefix.count, prefix])
    if let collection {
      throw MoultError(
        .databaseNotEmpty, "database '\(name)' has collections, '\(collection)' among them; drop them first")
    }
    try db.execute(sql: "DELETE FROM databases WHERE name = ?", arguments: [name])
    guard db.changesCount == 1 else { throw databaseNotFound(name) }
  }

  /// - Throws: `databaseNotFound` for a name whose database is not there.
  func requireDatabase(of name: String, in db: Database) throws {
    let database = Name.parts(of: name).database
    guard database != Name.defaultDatabase else { return }
    guard try hasDatabase(database, in: db) else { throw databaseNotFound(database) }
  }

  private func hasDatabase(_ name: String, in db: Database) throws -> Bool {
    try Bool.fetchOne(db, sql: "SELECT EXISTS (SELECT 1 FROM databases WHERE name = ?)", arguments: [name])!
  }

  private func databaseNotFound(_ name: String) -> MoultError {
    MoultError(.databaseNotFound, "there is no database '\(name)'")
  }
}
