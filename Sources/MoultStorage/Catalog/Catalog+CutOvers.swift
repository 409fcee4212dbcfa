package import GRDB
import MoultModel

/// The moment at which an alias moved from a collection to the copy that a job had made of it.
package struct CutOverRecord: Sendable, Equatable {
  package var alias: String
  package var source: Int64
  package var target: Int64
  /// Milliseconds since 1970.
  package var at: Int64
  package var sourceMark: Mark
  package var targetMark: Mark

  /// How far a collection was: what comes later has a higher row or sequence.
  package struct Mark: Sendable, Equatable {
    package var nextRow: Int64
    /// Of the last batch.
    package var sequence: Int64

    package init(nextRow: Int64, sequence: Int64) {
      self.nextRow = nextRow
      self.sequence = sequence
    }
  }
}

/// What an alias can be moved back by: both collections had the same points then.
extension Catalog {
  package static func registerCutOverMigrations(in migrator: inout DatabaseMigrator) {
    migrator.registerMigration("cutovers-1") { db in
      try db.execute(
        sql: """
          CREATE TABLE cut_overs (
            id INTEGER PRIMARY KEY,
            alias TEXT NOT NULL,
            source INTEGER NOT NULL REFERENCES collections (id) ON DELETE CASCADE,
            target INTEGER NOT NULL REFERENCES collections (id) ON DELETE CASCADE,
            at INTEGER NOT NULL,
            source_row INTEGER NOT NULL,
            source_sequence INTEGER NOT NULL,
            target_row INTEGER NOT NULL,
            target_sequence INTEGER NOT NULL
          ) STRICT;
          CREATE INDEX cut_overs_alias ON cut_overs (alias);
          CREATE INDEX cut_overs_source ON cut_overs (source);
          CREATE INDEX cut_overs_target ON cut_overs (target);
          """)
    }
  }

  /// In the transaction that moves the alias, while nobody writes to either collection.
  package func recordCutOver(
    of alias: String, from source: Int64, to target: Int64, in db: Database
  ) throws {
    let (old, new) = (try collection(source, in: db), try collection(target, in: db))
    try db.execute(
      sql: """
        INSERT INTO cut_overs
          (alias, source, target, at, source_row, source_sequence, target_row, target_sequence)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?)
        """,
      arguments: [
        alias, source, target, now(), old.nextRow, old.nextSequence - 1, new.nextRow, new.nextSequence - 1,
      ])
  }

  /// The newest one of an alias from or to a collection whose other side is still there.
  package func cutOver(
    of alias: String, withCollection id: Int64, in db: Database
  ) throws -> CutOverRecord? {
    try Row.fetchOne(
      db,
      sql:
        "SELECT * FROM cut_overs WHERE alias = :alias AND :id IN (source, target) ORDER BY id DESC LIMIT 1",
      arguments: ["alias": alias, "id": id]
    ).map { row in
      CutOverRecord(
        alias: row["alias"], source: row["source"], target: row["target"], at: row["at"],
        sourceMark: .init(nextRow: row["source_row"], sequence: row["source_sequence"]),
        targetMark: .init(nextRow: row["target_row"], sequence: row["target_sequence"]))
    }
  }
}
