package import GRDB
package import MoultModel

/// Embedders, and which of them made the vectors of a collection.
extension Catalog {
  package static func registerEmbedderMigrations(in migrator: inout DatabaseMigrator) {
    migrator.registerMigration("embedders-1") { db in
      try db.execute(
        sql: """
          CREATE TABLE embedders (
            name TEXT NOT NULL PRIMARY KEY,
            definition TEXT NOT NULL
          ) STRICT, WITHOUT ROWID;
          CREATE TABLE collection_embedders (
            collection_id INTEGER PRIMARY KEY REFERENCES collections (id) ON DELETE CASCADE,
            embedder TEXT NOT NULL REFERENCES embedders (name)
          ) STRICT;
          """)
    }
  }

  /// All of them, by name.
  package func embedders(in db: Database) throws -> [Embedder] {
    try String.fetchAll(db, sql: "SELECT definition FROM embedders ORDER BY name").map {
      try decodeJSON($0, "embedder")
    }
  }

  /// - Throws: `invalidArgument` when there is one of the name.
  package func insertEmbedder(_ embedder: Embedder, in db: Database) throws {
    guard try !embedders(in: db).contains(where: { $0.name == embedder.name }) else {
      throw MoultError(
        .invalidArgument,
        "there is an embedder '\(embedder.name)' already; remove it first, or take another name")
    }
    try db.execute(
      sql: "INSERT INTO embedders (name, definition) VALUES (?, ?)",
      arguments: [embedder.name, try encodeJSON(embedder)])
  }

  /// - Throws: `invalidArgument` when there is none of the name, or collections have it.
  package func deleteEmbedder(_ name: String, in db: Database) throws {
    let users = try String.fetchAll(
      db,
      sql: """
        SELECT collections.name FROM collection_embedders JOIN collections ON collections.id = collection_id
        WHERE embedder = ? ORDER BY collections.name
        """, arguments: [name])
    guard users.isEmpty else {
      throw MoultError(
        .invalidArgument,
        "embedder '\(name)' made the vectors of \(users.joined(separator: ", ")), whose text queries need it")
    }
    try db.execute(sql: "DELETE FROM embedders WHERE name = ?", arguments: [name])
    guard db.changesCount == 1 else {
      throw MoultError(
        .invalidArgument, "there is no embedder '\(name)'; `moult embedder list` shows those there are")
    }
  }

  /// The embedder of each collection that has one, by the collection's number.
  package func embedderNames(in db: Database) throws -> [Int64: String] {
    var names: [Int64: String] = [:]
    for row in try Row.fetchAll(db, sql: "SELECT collection_id, embedder FROM collection_embedders") {
      names[row[0]] = row[1]
    }
    return names
  }

  /// - Parameter name: `nil` leaves the collection without one.
  package func setEmbedder(_ name: String?, of collection: Int64, in db: Database) throws {
    guard let name else {
      try db.execute(sql: "DELETE FROM collection_embedders WHERE collection_id = ?", arguments: [collection])
      return
    }
    try db.execute(
      sql: """
        INSERT INTO collection_embedders (collection_id, embedder) VALUES (?, ?)
        ON CONFLICT (collection_id) DO UPDATE SET embedder = excluded.embedder
        """, arguments: [collection, name])
  }
}
