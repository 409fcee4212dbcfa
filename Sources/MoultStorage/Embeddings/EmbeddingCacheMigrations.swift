import GRDB

/// The tables of `embeddings.sqlite`. Never change a migration that was released; add the next one.
enum EmbeddingCacheMigrations {
  /// Idempotent.
  static func migrate(_ writer: some DatabaseWriter) throws {
    var migrator = DatabaseMigrator()
    migrator.registerMigration("embeddings-1") { db in
      try db.execute(
        sql: """
          CREATE TABLE refusals (
            job INTEGER NOT NULL,
            high INTEGER NOT NULL,
            low INTEGER NOT NULL,
            reason TEXT NOT NULL,
            PRIMARY KEY (job, high, low)
          ) STRICT, WITHOUT ROWID;
          """)
    }
    migrator.registerMigration("embeddings-2") { db in
      try db.execute(
        sql: """
          CREATE TABLE spent (
            job INTEGER PRIMARY KEY,
            texts INTEGER NOT NULL,
            requests INTEGER NOT NULL,
            tokens INTEGER NOT NULL,
            seconds REAL NOT NULL
          ) STRICT;
          CREATE TABLE bridges (
            job INTEGER PRIMARY KEY,
            report TEXT NOT NULL,
            queries BLOB NOT NULL,
            documents BLOB NOT NULL
          ) STRICT;
          """)
    }
    migrator.registerMigration("embeddings-3") { db in
      // Vectors of versions that kept them here are embedded again when they are asked for.
      try db.execute(
        sql: """
          DROP TABLE IF EXISTS entries;
          CREATE TABLE logs (
            number INTEGER PRIMARY KEY,
            folded INTEGER NOT NULL
          ) STRICT;
          CREATE TABLE places (
            high INTEGER NOT NULL,
            low INTEGER NOT NULL,
            log INTEGER NOT NULL,
            start INTEGER NOT NULL,
            dimension INTEGER NOT NULL,
            PRIMARY KEY (high, low)
          ) STRICT, WITHOUT ROWID;
          """)
    }
    try migrator.migrate(writer)
  }
}
