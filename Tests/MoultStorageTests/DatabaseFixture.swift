import Foundation
import GRDB
import MoultModel
import MoultTesting

@testable import MoultStorage

/// A data directory whose database has every kind of page, what it answers, and copies of it to damage.
final class DatabaseFixture {
  /// Every table's rows as text; `nil` for one that is refused as damaged.
  typealias Answers = [String: [String]?]

  /// Points in each transaction after the first ones.
  static let batch = 3
  private static let schema = CollectionSchema(dimension: 4)

  let root: String
  /// Stopped properly: no log.
  var closed: String { root + "/closed" }
  /// Killed: the main file, a log over it, its mark.
  var killed: String { root + "/killed" }
  /// Killed one transaction before.
  var earlier: String { root + "/earlier" }
  let truthOfClosed: Answers
  let truthOfKilled: Answers

  /// - Parameter root: removed by the caller.
  init(in root: String) throws {
    self.root = root
    let path = root + "/live"
    let directory = try DataDirectory(path: path)
    let collections = try directory.write { db in
      try ["words", "other"].map { name in
        try directory.catalog.insertCollection(
          name: name, schema: Self.schema, specification: EncodingSpecification(), in: db
        ).collection.id
      }
    }
    for collection in collections { try Self.insert(300, into: collection, of: directory) }
    try directory.fileSystem.makeDirectories(path + "/collections/1")
    try writeFile([1], path + "/collections/1/segment-1.vectors")
    directory.close()
    try FileManager.default.copyItem(atPath: path, toPath: root + "/closed")

    let again = try DataDirectory(path: path)
    for _ in 0..<12 { try Self.insert(Self.batch, into: collections[0], of: again) }
    try FileManager.default.copyItem(atPath: path, toPath: root + "/earlier")
    try Self.insert(Self.batch, into: collections[0], of: again)
    try FileManager.default.copyItem(atPath: path, toPath: root + "/killed")
    truthOfKilled = Self.answers(of: again)
    again.close()
    let sound = try DataDirectory(path: root + "/closed")
    truthOfClosed = Self.answers(of: sound)
    sound.close()
    for image in ["earlier", "killed"] {
      try? FileManager.default.removeItem(atPath: "\(root)/\(image)/moult.sqlite-shm")
    }
  }

  /// Points with payloads of a few bytes, now and then one that needs pages of its own.
  static func insert(_ count: Int, into collection: Int64, of directory: DataDirectory) throws {
    let points = PointStore(collectionID: collection, keyKind: .int64)
    try directory.write { db in
      let first = try Int64.fetchOne(db, sql: "SELECT coalesce(max(row) + 1, 0) FROM \(points.table)")!
      let rows = first..<first + Int64(count)
      let sequence = try directory.catalog.advance(collection: collection, rows: Int64(count), in: db)
      _ = try points.insert(
        firstRow: first, ids: rows.map { .int64($0 * 7) },
        payloads: rows.map {
          #"{"n":"\#(String(repeating: "word\($0) ", count: $0 % 100 == 5 ? 1_500 : 6))"}"#
        },
        sequence: sequence, replaceExisting: true, in: db)
    }
  }

  /// A copy to damage; the caller removes it.
  func copy(of image: String) throws -> String {
    let target = "\(root)/\(UUID().uuidString)"
    try FileManager.default.copyItem(atPath: image, toPath: target)
    return target
  }

  /// Everything that the database holds, table by table, read through indexes too.
  static func answers(of directory: DataDirectory) -> Answers {
    let tables = [
      "meta", "collections", "generations", "segments", "generation_segments", "vector_checksums", "aliases",
      "history", "points_1", "points_2",
    ]
    var queries = Dictionary(uniqueKeysWithValues: tables.map { ($0, "SELECT * FROM \($0) ORDER BY 1") })
    for table in ["points_1", "points_2"] {
      queries["\(table) by key"] =
        "SELECT key, row FROM \(table) WHERE died IS NULL AND key >= 0 ORDER BY key"
    }
    return queries.mapValues { sql in
      do {
        return try directory.read { db in
          try Row.fetchAll(db, sql: sql).map { row in
            row.map { "\($0)=\(String.fromDatabaseValue($1) ?? "-")" }.joined(separator: ",")
          }
        }
      } catch let error as MoultError where error.code == .corrupted { return nil } catch {
        return ["\(error)"]
      }
    }
  }

  /// What opening, reading everything and the deep check make of a directory.
  struct Verdict {
    var isFound = false
    var messages: [String] = []
    /// `nil` when it cannot be opened.
    var answers: Answers?

    func isWrong(beside truth: Answers) -> Bool {
      answers?.contains { $0.value != nil && $0.value != truth[$0.key]! } ?? false
    }
  }

  static func judge(_ path: String, comparesPages: Bool = true) throws -> Verdict {
    var verdict = Verdict()
    let directory: DataDirectory
    do { directory = try DataDirectory(path: path, comparesPages: comparesPages) } catch let error
      as MoultError
      where error.code == .corrupted
    {
      verdict.isFound = true
      // The first thing that was met, and all that `moult verify` then says.
      verdict.messages = [error.message]
      verdict.messages += try DataDirectory.databaseDamage(inDirectory: path).map(\.message)
      return verdict
    }
    defer { directory.close() }
    verdict.answers = answers(of: directory)
    // The segment's file is no part of this.
    let problems = directory.check(deep: true).problems
    verdict.messages = problems.map(\.message)
    verdict.isFound = !problems.isEmpty || verdict.answers!.values.contains { $0 == nil }
    return verdict
  }

  /// Makes a closed database one of format 4 or less: no checksums, no mark.
  static func makePlain(_ path: String, alter sql: String = "") throws {
    let file = path + "/moult.sqlite"
    var configuration = Configuration()
    configuration.foreignKeysEnabled = false
    let database = try DatabaseQueue(path: file + ".plain", configuration: configuration)
    try database.writeWithoutTransaction { db in
      try db.execute(sql: "PRAGMA journal_mode = WAL; ATTACH ? AS old", arguments: [file])
      // Tables before their indexes. SQLite never gives back the room for checksums, so the tables are copied.
      let made = try Row.fetchAll(
        db,
        sql: """
          SELECT sql, type, name FROM old.sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'
          ORDER BY type DESC
          """)
      for row in made {
        let (statement, type, name): (String, String, String) = (row[0], row[1], row[2])
        try db.execute(sql: statement)
        if type == "table" { try db.execute(sql: "INSERT INTO main.\(name) SELECT * FROM old.\(name)") }
      }
      try db.execute(
        sql: """
          DELETE FROM main.sqlite_sequence;
          INSERT INTO main.sqlite_sequence SELECT * FROM old.sqlite_sequence;
          DETACH old;
          DROP INDEX collections_parent;
          ALTER TABLE collections DROP COLUMN parent_id;
          ALTER TABLE history DROP COLUMN detail;
          DELETE FROM grdb_migrations WHERE identifier IN ('catalog-5', 'catalog-6', 'catalog-7');
          UPDATE meta SET value = '4' WHERE name = 'format_version';
          \(sql)
          """)
    }
    try database.close()
    for suffix in ["", "-wal", "-shm", "-mark"] { try? FileManager.default.removeItem(atPath: file + suffix) }
    try FileManager.default.moveItem(atPath: file + ".plain", toPath: file)
  }
}

/// Flips a bit, or puts zeros in place of a sector.
func flipBit(_ bit: Int, at place: Int, of path: String) throws {
  var bytes = try readFile(path)
  bytes[place] ^= 1 << UInt8(bit)
  try writeFile(bytes, path)
}
