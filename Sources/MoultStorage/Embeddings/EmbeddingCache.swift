import Foundation
import GRDB
package import MoultModel

/// Vectors that models have made of texts, by a digest of model and text: what was paid for once is not asked for
/// again, whatever becomes of the job.
///
/// A database of its own, `embeddings.sqlite`, which no backup holds: without it nothing is lost but the price of its
/// vectors. Its pages have checksums as those of the main one. What the last moments before a power loss brought may
/// be missing.
package final class EmbeddingCache: Sendable {
  /// What is known of a text.
  package enum Entry: Sendable, Equatable {
    case vector([Float])
    /// The model refuses it, in words.
    case refused(String)
  }

  /// 16 bytes of a digest, as two numbers.
  package struct Key: Sendable, Hashable {
    let high: UInt64
    let low: UInt64

    /// - Parameter digest: at least 16 bytes.
    package init(digest: some Sequence<UInt8>) {
      var bytes = digest.makeIterator()
      func next() -> UInt64 { (0..<8).reduce(0) { word, _ in word << 8 | UInt64(bytes.next() ?? 0) } }
      high = next()
      low = next()
    }
  }

  private let database: DatabasePool
  private let path: String

  /// Opens the cache of a data directory, or makes it.
  ///
  /// - Throws: `corrupted` for a damaged file, which may be removed while the server is stopped.
  package init(in directory: DataDirectory) throws {
    path = directory.absolutePath(FileNames.embeddings)
    let file = DatabaseFile(path: path, fileSystem: directory.fileSystem)
    var configuration = Configuration()
    configuration.label = "moult embeddings"
    configuration.maximumReaderCount = 4
    configuration.busyMode = .timeout(10)
    configuration.prepareDatabase { db in
      try DatabaseFile.reserve(db)
      try db.execute(sql: "PRAGMA cache_size = -8000; PRAGMA wal_autocheckpoint = 4000")
    }
    do {
      database = try DatabasePool(path: file.uri(path), configuration: configuration)
      var migrator = DatabaseMigrator()
      migrator.registerMigration("embeddings-1") { db in
        // Rows in the order of their coming, and an index that is small beside them: keys come in no order.
        try db.execute(
          sql: """
            CREATE TABLE entries (
              id INTEGER PRIMARY KEY,
              high INTEGER NOT NULL,
              low INTEGER NOT NULL,
              vector BLOB NOT NULL,
              UNIQUE (high, low)
            ) STRICT;
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
      try migrator.migrate(database)
    } catch {
      throw MoultError.translating(error, path: path)
    }
  }

  package func close() { try? database.close() }

  /// What is known, key by key.
  ///
  /// - Parameters:
  ///   - dimension: vectors of another length are not taken.
  ///   - job: whose refusals count: another one asks again.
  package func entries(of keys: [Key], dimension: Int, job: Int64) throws -> [Entry?] {
    try reading { db in
      let find = try db.cachedStatement(sql: "SELECT vector FROM entries WHERE high = ? AND low = ?")
      let refusal = try db.cachedStatement(
        sql: "SELECT reason FROM refusals WHERE job = ? AND high = ? AND low = ?")
      return try keys.map { key in
        let (high, low) = (Int64(bitPattern: key.high), Int64(bitPattern: key.low))
        let found = try Row.fetchCursor(find, arguments: [high, low])
        if let row = try found.next(), let vector = try Self.vector(row, dimension: dimension) {
          return .vector(vector)
        }
        return try String.fetchOne(refusal, arguments: [job, high, low]).map { .refused($0) }
      }
    }
  }

  /// Which keys have an entry; cheaper than ``entries(of:dimension:job:)``.
  package func known(_ keys: [Key], dimension: Int, job: Int64) throws -> [Bool] {
    try reading { db in
      let find = try db.cachedStatement(sql: "SELECT length(vector) FROM entries WHERE high = ? AND low = ?")
      let refusal = try db.cachedStatement(
        sql: "SELECT 1 FROM refusals WHERE job = ? AND high = ? AND low = ?")
      return try keys.map { key in
        let (high, low) = (Int64(bitPattern: key.high), Int64(bitPattern: key.low))
        if try Int.fetchOne(find, arguments: [high, low]) == dimension * 4 { return true }
        return try Int.fetchOne(refusal, arguments: [job, high, low]) != nil
      }
    }
  }

  /// What a job has asked its model for so far, over all its attempts.
  package struct Spent: Sendable, Equatable {
    package var texts: Int64
    package var requests: Int64
    package var tokens: Int64
    /// Of all requests together.
    package var seconds: Double

    package init(texts: Int64 = 0, requests: Int64 = 0, tokens: Int64 = 0, seconds: Double = 0) {
      self.texts = texts
      self.requests = requests
      self.tokens = tokens
      self.seconds = seconds
    }
  }

  package func spent(by job: Int64) throws -> Spent {
    try reading { db in
      try Row.fetchOne(db, sql: "SELECT * FROM spent WHERE job = ?", arguments: [job]).map {
        Spent(texts: $0["texts"], requests: $0["requests"], tokens: $0["tokens"], seconds: $0["seconds"])
      } ?? Spent()
    }
  }

  /// - Parameters:
  ///   - job: for entries that are refusals.
  ///   - spent: for the entries; counted in the same transaction, so that what is there was counted.
  package func store(
    _ entries: [(key: Key, entry: Entry)], job: Int64, spent: Spent? = nil
  ) async throws {
    try await writing { db in
      let insert = try db.cachedStatement(
        sql: """
          INSERT INTO entries (high, low, vector) VALUES (?, ?, ?)
          ON CONFLICT (high, low) DO UPDATE SET vector = excluded.vector
          """)
      let refuse = try db.cachedStatement(
        sql: "INSERT OR REPLACE INTO refusals (job, high, low, reason) VALUES (?, ?, ?, ?)")
      for (key, entry) in entries {
        let (high, low) = (Int64(bitPattern: key.high), Int64(bitPattern: key.low))
        switch entry {
        case .vector(let vector):
          let bytes = vector.withUnsafeBytes { Array($0) }
          try insert.execute(arguments: [high, low, DatabaseValue.blob(bytes)])
        case .refused(let reason): try refuse.execute(arguments: [job, high, low, reason])
        }
      }
      guard let spent else { return }
      try db.execute(
        sql: """
          INSERT INTO spent (job, texts, requests, tokens, seconds) VALUES (?, ?, ?, ?, ?)
          ON CONFLICT (job) DO UPDATE SET texts = texts + excluded.texts,
            requests = requests + excluded.requests,
            tokens = min(tokens + excluded.tokens, 1 << 60), seconds = seconds + excluded.seconds
          """, arguments: [job, spent.texts, spent.requests, spent.tokens, spent.seconds])
    }
  }

  /// Lets the refusals of a job go that has ended.
  package func forgetRefusals(of job: Int64) async throws {
    try await writing { db in
      try db.execute(sql: "DELETE FROM refusals WHERE job = ?", arguments: [job])
    }
  }

  /// Maps between the models of a job: a report, and two transforms as bytes.
  package struct Bridge: Sendable, Equatable {
    package var report: [UInt8]
    package var queries: [UInt8]
    package var documents: [UInt8]

    package init(report: [UInt8], queries: [UInt8], documents: [UInt8]) {
      self.report = report
      self.queries = queries
      self.documents = documents
    }
  }

  package func bridge(of job: Int64) throws -> Bridge? {
    try reading { db in
      try Row.fetchOne(db, sql: "SELECT * FROM bridges WHERE job = ?", arguments: [job]).map { row in
        let (report, queries, documents): (String, Data, Data) = (
          row["report"], row["queries"], row["documents"]
        )
        return Bridge(report: Array(report.utf8), queries: Array(queries), documents: Array(documents))
      }
    }
  }

  package func store(_ bridge: Bridge, of job: Int64) async throws {
    try await writing { db in
      try db.execute(
        sql: "INSERT OR REPLACE INTO bridges (job, report, queries, documents) VALUES (?, ?, ?, ?)",
        arguments: [
          job, String(decoding: bridge.report, as: UTF8.self), Data(bridge.queries), Data(bridge.documents),
        ])
    }
  }

  package func dropBridge(of job: Int64) async throws {
    try await writing { db in
      try db.execute(sql: "DELETE FROM bridges WHERE job = ?", arguments: [job])
    }
  }

  /// Lets go what is about a job that has done its work, and, while there is more than `bytes` of vectors, those that
  /// came first.
  package func end(job: Int64, keepingBytes bytes: Int) async throws {
    do {
      try await database.write { db in
        for table in ["refusals", "spent", "bridges"] {
          try db.execute(sql: "DELETE FROM \(table) WHERE job = ?", arguments: [job])
        }
      }
      // In small parts: other jobs store theirs meanwhile.
      while try await trim(bytes) {}
    } catch { throw MoultError.translating(error, path: path) }
  }

  /// - Returns: whether there may be more.
  private func trim(_ bytes: Int) async throws -> Bool {
    try await database.write { db in
      // Pages that are free are written to before the file grows.
      let pages = try Int.fetchOne(db, sql: "PRAGMA page_count") ?? 0
      let free = try Int.fetchOne(db, sql: "PRAGMA freelist_count") ?? 0
      let size = try Int.fetchOne(db, sql: "PRAGMA page_size") ?? 0
      guard (pages - free) * size > bytes else { return false }
      try db.execute(
        sql: "DELETE FROM entries WHERE id IN (SELECT id FROM entries ORDER BY id LIMIT 2000)")
      return db.changesCount > 0
    }
  }

  private func writing(_ body: @escaping @Sendable (Database) throws -> Void) async throws {
    do { try await database.write(body) } catch { throw MoultError.translating(error, path: path) }
  }

  private func reading<Value>(_ body: (Database) throws -> Value) throws -> Value {
    do { return try database.read(body) } catch { throw MoultError.translating(error, path: path) }
  }

  private static func vector(_ row: Row, dimension: Int) throws -> [Float]? {
    try row.withUnsafeData(atIndex: 0) { data in
      guard let data, data.count == dimension * MemoryLayout<Float>.stride else { return nil }
      return [Float](unsafeUninitializedCapacity: dimension) { floats, count in
        data.copyBytes(to: UnsafeMutableRawBufferPointer(floats))
        count = dimension
      }
    }
  }
}

extension DatabaseValue {
  fileprivate static func blob(_ bytes: [UInt8]) -> DatabaseValue { Data(bytes).databaseValue }
}
