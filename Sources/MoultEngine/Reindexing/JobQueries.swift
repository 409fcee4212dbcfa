import Foundation
import GRDB
import MoultModel

/// Queries that the caller of a switch or reindex gave for its recall gate or proof, beside the queue's table: they can
/// be megabytes, and job records are read often.
enum JobQueries {
  static func registerMigrations(in migrator: inout DatabaseMigrator) {
    migrator.registerMigration("engine-1") { db in
      try db.execute(
        sql: """
          CREATE TABLE job_queries (
            job_id INTEGER PRIMARY KEY,
            -- float32, little-endian, row-major
            queries BLOB NOT NULL
          ) STRICT
          """)
    }
    migrator.registerMigration("engine-2") { db in
      try db.execute(
        sql: "CREATE TABLE job_labels (job_id INTEGER PRIMARY KEY, queries TEXT NOT NULL) STRICT")
    }
  }

  static func store(_ queries: [LabelledQuery], of job: Int64, in db: Database) throws {
    guard !queries.isEmpty else { return }
    let text = String(decoding: try JSONEncoder().encode(queries), as: UTF8.self)
    try db.execute(sql: "INSERT INTO job_labels (job_id, queries) VALUES (?, ?)", arguments: [job, text])
  }

  static func loadLabelled(of job: Int64, in db: Database) throws -> [LabelledQuery] {
    let text = try String.fetchOne(
      db, sql: "SELECT queries FROM job_labels WHERE job_id = ?", arguments: [job])
    return try text.map { try JSONDecoder().decode([LabelledQuery].self, from: Data($0.utf8)) } ?? []
  }

  static func store(_ queries: [Float], of job: Int64, in db: Database) throws {
    guard !queries.isEmpty else { return }
    let bytes = queries.withUnsafeBytes { Data($0) }
    try db.execute(sql: "INSERT INTO job_queries (job_id, queries) VALUES (?, ?)", arguments: [job, bytes])
  }

  static func load(of job: Int64, in db: Database) throws -> [Float] {
    let bytes = try Data.fetchOne(
      db, sql: "SELECT queries FROM job_queries WHERE job_id = ?", arguments: [job])
    guard let bytes else { return [] }
    return [Float](unsafeUninitializedCapacity: bytes.count / MemoryLayout<Float>.stride) { floats, count in
      count = bytes.copyBytes(to: floats) / MemoryLayout<Float>.stride
    }
  }

  static func delete(of job: Int64, in db: Database) throws {
    for table in ["job_queries", "job_labels"] {
      try db.execute(sql: "DELETE FROM \(table) WHERE job_id = ?", arguments: [job])
    }
  }
}
