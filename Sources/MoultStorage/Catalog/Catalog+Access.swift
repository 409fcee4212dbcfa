package import GRDB
package import MoultModel

/// Users, roles and what is granted to them: one text, which is small and always changed as a whole.
extension Catalog {
  package static func registerAccessMigrations(in migrator: inout DatabaseMigrator) {
    migrator.registerMigration("access-1") { db in
      try db.execute(
        sql: """
          CREATE TABLE access_list (
            id INTEGER PRIMARY KEY CHECK (id = 1),
            list TEXT NOT NULL
          ) STRICT
          """)
    }
  }

  /// `nil` before it was ever changed.
  package func accessList(in db: Database) throws -> AccessList? {
    try String.fetchOne(db, sql: "SELECT list FROM access_list").map {
      try decodeJSON($0, "list of users and roles")
    }
  }

  package func setAccessList(_ list: AccessList, in db: Database) throws {
    try db.execute(
      sql:
        "INSERT INTO access_list (id, list) VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET list = excluded.list",
      arguments: [try encodeJSON(list)])
  }
}
