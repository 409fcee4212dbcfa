import GRDB
import MoultModel

/// The catalog's tables. Each collection has, besides, a table of its own: see `PointStore`.
enum CatalogMigrations {
  /// The version of the data directory as a whole: raise it when an older Moult must not open it.
  static let formatVersion = 6
  /// What a directory has from the moment on in which a payload in it has parts; see ``PayloadParts``.
  static let versionWithParts = 7
  /// The newest that is read.
  static let formatVersionMax = versionWithParts
  /// The last migration that a database without checksums of pages may have; see ``DatabaseUpgrade``.
  static let lastPlain = "catalog-4"

  /// - Throws: `unsupportedVersion` when a newer Moult wrote the database.
  static func requireReadableVersion(_ db: Database, path: String) throws {
    guard try db.tableExists("meta") else { return }
    let text = try String.fetchOne(db, sql: "SELECT value FROM meta WHERE name = 'format_version'")
    guard let text, let version = Int(text), version >= 1 else {
      throw MoultError(
        .corrupted, "\(path): expected a format version of at least 1, got \(text ?? "none")")
    }
    guard version <= formatVersionMax else {
      throw MoultError(
        .unsupportedVersion,
        "\(path) was written by a newer Moult (format \(version), this one reads up to \(formatVersionMax)); "
          + "nothing was changed. Use the newer Moult, or another data directory")
    }
  }

  /// Idempotent. Migrations of other modules may live in the same database under other names.
  ///
  /// - Parameter last: the name of the last one to make; `nil` for all.
  static func migrate(_ writer: some DatabaseWriter, upTo last: String? = nil) throws {
    var migrator = DatabaseMigrator()
    migrator.registerMigration("catalog-1") { db in try db.execute(sql: catalog1) }
    migrator.registerMigration("catalog-2") { db in try db.execute(sql: catalog2) }
    migrator.registerMigration("catalog-3") { db in try db.execute(sql: catalog3) }
    migrator.registerMigration("catalog-4") { db in try db.execute(sql: catalog4) }
    migrator.registerMigration("catalog-5") { db in try db.execute(sql: catalog5) }
    migrator.registerMigration("catalog-6") { db in try db.execute(sql: catalog6) }
    migrator.registerMigration("catalog-7") { db in try db.execute(sql: catalog7) }
    if let last { try migrator.migrate(writer, upTo: last) } else { try migrator.migrate(writer) }
  }

  /// Keeps an older Moult from opening a directory that it would lose something of.
  static func raise(toVersion version: Int, in db: Database) throws {
    try db.execute(
      sql: "UPDATE meta SET value = ? WHERE name = 'format_version' AND CAST(value AS INTEGER) < ?",
      arguments: [String(version), version])
  }

  private static let catalog1 = """
    CREATE TABLE meta (
      name TEXT NOT NULL PRIMARY KEY,
      value TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    INSERT INTO meta (name, value) VALUES ('format_version', '1');

    CREATE TABLE collections (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      name TEXT NOT NULL UNIQUE,
      schema TEXT NOT NULL,
      state TEXT NOT NULL CHECK (state IN ('live', 'building')),
      next_row INTEGER NOT NULL DEFAULT 0,
      next_sequence INTEGER NOT NULL DEFAULT 1,
      next_key INTEGER NOT NULL DEFAULT 1,
      current_generation INTEGER NOT NULL REFERENCES generations (id) DEFERRABLE INITIALLY DEFERRED,
      previous_generation INTEGER REFERENCES generations (id) DEFERRABLE INITIALLY DEFERRED,
      created_at INTEGER NOT NULL
    ) STRICT;

    CREATE TABLE generations (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      collection_id INTEGER NOT NULL REFERENCES collections (id),
      specification TEXT NOT NULL,
      state TEXT NOT NULL CHECK (state IN ('building', 'live', 'retained')),
      report TEXT,
      encoder_file TEXT,
      created_at INTEGER NOT NULL,
      published_at INTEGER
    ) STRICT;
    CREATE INDEX generations_collection ON generations (collection_id);

    CREATE TABLE segments (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      collection_id INTEGER NOT NULL REFERENCES collections (id),
      first_row INTEGER NOT NULL CHECK (first_row >= 0),
      row_capacity INTEGER NOT NULL CHECK (row_capacity > 0),
      row_count INTEGER NOT NULL DEFAULT 0 CHECK (row_count BETWEEN 0 AND row_capacity),
      state TEXT NOT NULL CHECK (state IN ('growing', 'sealed')),
      file TEXT NOT NULL,
      UNIQUE (collection_id, first_row)
    ) STRICT;

    CREATE TABLE generation_segments (
      generation_id INTEGER NOT NULL REFERENCES generations (id),
      segment_id INTEGER NOT NULL REFERENCES segments (id),
      codes_file TEXT,
      graph_file TEXT,
      PRIMARY KEY (generation_id, segment_id)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX generation_segments_segment ON generation_segments (segment_id);

    CREATE TABLE aliases (
      name TEXT NOT NULL PRIMARY KEY,
      collection_id INTEGER NOT NULL REFERENCES collections (id)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX aliases_collection ON aliases (collection_id);
    """

  /// Segments that were merged: what rows they hold.
  private static let catalog2 = """
    ALTER TABLE segments ADD COLUMN rows_file TEXT;
    ALTER TABLE segments ADD COLUMN row_span INTEGER CHECK (row_span >= row_count);
    UPDATE meta SET value = '2' WHERE name = 'format_version';
    """

  /// What full-precision rows were when they were acknowledged; see `VectorChecksum`.
  private static let catalog3 = """
    CREATE TABLE vector_checksums (
      segment_id INTEGER NOT NULL REFERENCES segments (id) ON DELETE CASCADE,
      place INTEGER NOT NULL CHECK (place >= 0),
      row_count INTEGER NOT NULL CHECK (row_count > 0),
      checksum INTEGER NOT NULL,
      PRIMARY KEY (segment_id, place)
    ) STRICT, WITHOUT ROWID;
    UPDATE meta SET value = '3' WHERE name = 'format_version';
    """

  /// Who changed which alias or generation. The queue has states since then that earlier versions do not know.
  private static let catalog4 = """
    CREATE TABLE history (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      at INTEGER NOT NULL,
      action TEXT NOT NULL,
      name TEXT NOT NULL,
      before TEXT,
      after TEXT,
      job INTEGER,
      requested_by TEXT
    ) STRICT;
    CREATE INDEX history_name ON history (name, id);
    UPDATE meta SET value = '4' WHERE name = 'format_version';
    """

  /// Every page ends in a checksum; see ``DatabaseFile``. The tables are those of format 4.
  private static let catalog5 = """
    PRAGMA application_id = \(DatabaseFile.applicationID);
    UPDATE meta SET value = '5' WHERE name = 'format_version';
    """

  /// Vector fields beside a collection's first: collections without points of their own.
  private static let catalog6 = """
    ALTER TABLE collections ADD COLUMN parent_id INTEGER REFERENCES collections (id);
    CREATE INDEX collections_parent ON collections (parent_id) WHERE parent_id IS NOT NULL;
    UPDATE meta SET value = '6' WHERE name = 'format_version';
    """

  /// What comparisons measured. An older Moult does without: the format stays.
  private static let catalog7 = "ALTER TABLE history ADD COLUMN detail TEXT"
}
