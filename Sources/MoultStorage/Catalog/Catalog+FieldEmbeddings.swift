package import GRDB
import MoultModel

/// Vector fields whose vectors a model makes of the points' texts, and how far that is.
extension Catalog {
  package struct FieldEmbeddingRecord: Sendable, Equatable {
    /// The field's own number.
    package var field: Int64
    /// What is embedded, as JSON of whoever does it.
    package var order: String
    /// Rows up to here have their vector, or will have none.
    package var row: Int64
    /// Whether all points that were there at the beginning were dealt with once.
    package var isFilled: Bool
  }

  package static func registerFieldEmbeddingMigrations(in migrator: inout DatabaseMigrator) {
    migrator.registerMigration("field-embeddings-1") { db in
      try db.execute(
        sql: """
          CREATE TABLE field_embeddings (
            field_id INTEGER PRIMARY KEY REFERENCES collections (id) ON DELETE CASCADE,
            definition TEXT NOT NULL,
            row INTEGER NOT NULL
          ) STRICT;
          """)
    }
    // Nobody knows of those of earlier versions: they are searched as before.
    migrator.registerMigration("field-embeddings-2") { db in
      try db.execute(sql: "ALTER TABLE field_embeddings ADD COLUMN filled INTEGER NOT NULL DEFAULT 1")
    }
  }

  package func fieldEmbeddings(in db: Database) throws -> [FieldEmbeddingRecord] {
    try Row.fetchAll(db, sql: "SELECT field_id, definition, row, filled FROM field_embeddings").map {
      FieldEmbeddingRecord(field: $0[0], order: $0[1], row: $0[2], isFilled: $0[3])
    }
  }

  /// Makes it, or begins anew.
  package func setFieldEmbedding(_ order: String, of field: Int64, in db: Database) throws {
    try db.execute(
      sql: """
        INSERT INTO field_embeddings (field_id, definition, row, filled) VALUES (?, ?, -1, 0)
        ON CONFLICT (field_id) DO UPDATE SET definition = excluded.definition, row = -1
        """, arguments: [field, order])
  }

  package func setFieldEmbeddingFilled(_ field: Int64, in db: Database) throws {
    try db.execute(sql: "UPDATE field_embeddings SET filled = 1 WHERE field_id = ?", arguments: [field])
  }

  package func advanceFieldEmbedding(of field: Int64, toRow row: Int64, in db: Database) throws {
    try db.execute(
      sql: "UPDATE field_embeddings SET row = max(row, ?) WHERE field_id = ?", arguments: [row, field])
  }
}
