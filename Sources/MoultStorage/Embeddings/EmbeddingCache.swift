import Foundation
import GRDB
package import MoultModel
import Synchronization

/// Vectors that models have made of texts, by a digest of model and text: what was paid for once is not asked for
/// again, whatever becomes of the job.
///
/// Vectors lie in files that only grow (`EmbeddingLog`), and `embeddings.sqlite` says where. What is stored is in a file
/// when the call returns, and a crash of the process does not lose it; the database learns of it in large parts, since
/// keys come in no order and each would change another page of its index. Until then memory knows the place, and after a
/// crash the end of the file is read again. No backup holds any of it: without it nothing is lost but the price of its
/// vectors. Pages have checksums as those of the main database, vectors their own. What the last moments before a power
/// loss brought may be missing.
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

    init(high: UInt64, low: UInt64) {
      self.high = high
      self.low = low
    }

    /// - Parameter digest: at least 16 bytes.
    package init(digest: UnsafeRawBufferPointer) {
      precondition(digest.count >= 16)
      high = UInt64(bigEndian: digest.loadUnaligned(fromByteOffset: 0, as: UInt64.self))
      low = UInt64(bigEndian: digest.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
    }
  }

  /// A log that is larger is followed by another: whole logs are let go, and each is an open file.
  package static let defaultLogBytesMax = 256 << 20
  /// Places that memory keeps, about 3 MiB, before ``settle()`` tells the database.
  package static let defaultPlacesPerFold = 32_768

  /// What the database does not know yet.
  private struct Unfolded {
    var places: [Key: EmbeddingLog.Place] = [:]
    var spent: [Int64: Spent] = [:]
    var ends: [Int64: Int] = [:]

    mutating func add(_ frame: EmbeddingLog.Frame, _ places: [EmbeddingLog.Place], log: Int64, end: Int) {
      for (entry, place) in zip(frame.entries, places) { self.places[entry.key] = place }
      if frame.spent != Spent() { spent[frame.job, default: Spent()] += frame.spent }
      ends[log] = end
    }

    mutating func forget(upTo log: Int64) {
      places = places.filter { $0.value.log > log }
      ends = ends.filter { $0.key > log }
    }

    /// What came before.
    mutating func add(before older: Unfolded) {
      places.merge(older.places) { new, _ in new }
      for (job, spent) in older.spent { self.spent[job, default: Spent()] += spent }
      ends.merge(older.ends) { new, _ in new }
    }
  }

  private struct State {
    var logs: [Int64: EmbeddingLog] = [:]
    /// Of the newest log, which grows; 0 when there is none.
    var newest: Int64 = 0
    var end = 0
    var isClosed = false
    var unfolded = Unfolded()
    /// On its way into the database.
    var folding = Unfolded()

    func place(of key: Key) -> EmbeddingLog.Place? { unfolded.places[key] ?? folding.places[key] }
  }

  private let database: DatabasePool
  private let path: String
  private let directory: DataDirectory
  private let state: Mutex<State>
  private let logBytesMax: Int
  private let placesPerFold: Int
  /// Writes to the newest log: a disk that is slow keeps no task's thread.
  private let appending = DispatchQueue(label: "moult embeddings")

  /// Opens the cache of a data directory, or makes it.
  ///
  /// - Throws: `corrupted` for a damaged file, which may be removed while the server is stopped.
  package init(
    in directory: DataDirectory, logBytesMax: Int = EmbeddingCache.defaultLogBytesMax,
    placesPerFold: Int = EmbeddingCache.defaultPlacesPerFold
  ) throws {
    self.directory = directory
    self.placesPerFold = placesPerFold
    self.logBytesMax = logBytesMax
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
      try Self.migrations.migrate(database)
      state = Mutex(try Self.open(directory, database))
    } catch {
      throw MoultError.translating(error, path: path)
    }
  }

  private static var migrations: DatabaseMigrator {
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
    return migrator
  }

  /// Opens the logs that are there and reads what the database does not know of them.
  private static func open(_ directory: DataDirectory, _ database: DatabasePool) throws -> State {
    let folder = directory.absolutePath(FileNames.embeddingLogs)
    try directory.fileSystem.makeDirectories(folder)
    let numbers = try directory.fileSystem.list(folder).compactMap(FileNames.number(ofEmbeddingLog:)).sorted()
    let folded = try database.write { db in
      let known = try Row.fetchAll(db, sql: "SELECT number, folded FROM logs")
      if known.contains(where: { !numbers.contains($0["number"]) }) {
        let there = numbers.map { String($0) }.joined(separator: ",")
        try db.execute(sql: "DELETE FROM places WHERE log NOT IN (\(there))")
        try db.execute(sql: "DELETE FROM logs WHERE number NOT IN (\(there))")
      }
      return Dictionary(known.map { ($0["number"] as Int64, $0["folded"] as Int) }, uniquingKeysWith: max)
    }
    var state = State()
    for number in numbers {
      let log = try EmbeddingLog(
        number: number, path: directory.absolutePath(FileNames.embeddingLog(number)),
        isKnown: folded[number] != nil, fileSystem: directory.fileSystem)
      state.end = try log.readFrames(from: folded[number] ?? 0) { frame, places in
        // An end that the loop below corrects.
        state.unfolded.add(frame, places, log: number, end: 0)
      }
      if state.unfolded.ends[number] != nil { state.unfolded.ends[number] = state.end }
      state.logs[number] = log
      state.newest = number
    }
    return state
  }

  package func close() {
    appending.sync { state.withLock { $0.isClosed = true } }
    try? database.close()
  }

  // MARK: Entries

  /// What is known, key by key.
  ///
  /// - Parameters:
  ///   - dimension: vectors of another length are not taken.
  ///   - job: whose refusals count: another one asks again.
  package func entries(of keys: [Key], dimension: Int, job: Int64) throws -> [Entry?] {
    let (places, logs) = try places(of: keys)
    var entries: [Entry?] = []
    entries.reserveCapacity(keys.count)
    for (key, place) in zip(keys, places) {
      guard let place, place.dimension == dimension, let log = logs[place.log] else {
        entries.append(nil)
        continue
      }
      entries.append(.vector(try log.vector(of: key, at: place)))
    }
    let missing = entries.indices.filter { entries[$0] == nil }
    for (place, reason) in zip(missing, try refusals(of: missing.map { keys[$0] }, job: job)) {
      if let reason { entries[place] = .refused(reason) }
    }
    return entries
  }

  /// Which keys have an entry; cheaper than ``entries(of:dimension:job:)``.
  package func known(_ keys: [Key], dimension: Int, job: Int64) throws -> [Bool] {
    let (places, logs) = try places(of: keys)
    var known = places.map { $0.map { $0.dimension == dimension && logs[$0.log] != nil } ?? false }
    let missing = known.indices.filter { !known[$0] }
    for (place, reason) in zip(missing, try refusals(of: missing.map { keys[$0] }, job: job)) {
      known[place] = reason != nil
    }
    return known
  }

  private func places(of keys: [Key]) throws -> ([EmbeddingLog.Place?], [Int64: EmbeddingLog]) {
    // Before the database: what memory forgets is there already.
    var (places, logs) = state.withLock { state in (keys.map(state.place(of:)), state.logs) }
    let missing = places.indices.filter { places[$0] == nil }
    if !missing.isEmpty {
      try reading { db in
        for first in stride(from: 0, to: missing.count, by: Self.rowsPerStatement) {
          let part = missing[first..<min(missing.count, first + Self.rowsPerStatement)]
          let find = try Self.statement(rows: part.count, of: 3, in: db) {
            """
            WITH wanted (place, high, low) AS (VALUES \($0))
            SELECT place, log, start, dimension FROM wanted CROSS JOIN places USING (high, low)
            """
          }
          var arguments: [Int64] = []
          arguments.reserveCapacity(3 * part.count)
          for place in part {
            arguments += [
              Int64(place), Int64(bitPattern: keys[place].high), Int64(bitPattern: keys[place].low),
            ]
          }
          let found = try Row.fetchCursor(find, arguments: StatementArguments(arguments))
          while let row = try found.next() {
            let place: Int = row[0]
            places[place] = EmbeddingLog.Place(log: row[1], offset: row[2], dimension: row[3])
          }
        }
      }
      // A log may have been begun since.
      logs = state.withLock { $0.logs }
    }
    return (places, logs)
  }

  /// Rows that one statement takes: they share what it costs to run.
  private static let rowsPerStatement = 250

  /// - Parameter sql: of the parameters of all rows, "(?, ?), (?, ?)". Only that of full statements is kept compiled.
  private static func statement(
    rows: Int, of columns: Int, in db: Database, _ sql: (_ values: String) -> String
  ) throws -> Statement {
    let row = "(" + Array(repeating: "?", count: columns).joined(separator: ", ") + ")"
    let sql = sql(Array(repeating: row, count: rows).joined(separator: ", "))
    return try rows == rowsPerStatement ? db.cachedStatement(sql: sql) : db.makeStatement(sql: sql)
  }

  private func refusals(of keys: [Key], job: Int64) throws -> [String?] {
    guard !keys.isEmpty else { return [] }
    return try reading { db in
      let any = try Bool.fetchOne(
        db, sql: "SELECT EXISTS (SELECT 1 FROM refusals WHERE job = ?)", arguments: [job])
      guard any == true else { return [String?](repeating: nil, count: keys.count) }
      let find = try db.cachedStatement(
        sql: "SELECT reason FROM refusals WHERE job = ? AND high = ? AND low = ?")
      return try keys.map { key in
        try String.fetchOne(
          find, arguments: [job, Int64(bitPattern: key.high), Int64(bitPattern: key.low)])
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

    package static func + (one: Spent, other: Spent) -> Spent {
      Spent(
        texts: one.texts &+ other.texts, requests: one.requests &+ other.requests,
        tokens: one.tokens &+ other.tokens, seconds: one.seconds + other.seconds)
    }

    package static func += (one: inout Spent, other: Spent) { one = one + other }
  }

  package func spent(by job: Int64) async throws -> Spent {
    // Where places get into the database, so that nothing is between both.
    try await writing { [self] db in
      let folded =
        try Row.fetchOne(db, sql: "SELECT * FROM spent WHERE job = ?", arguments: [job]).map {
          Spent(texts: $0["texts"], requests: $0["requests"], tokens: $0["tokens"], seconds: $0["seconds"])
        } ?? Spent()
      return folded + (state.withLock { $0.unfolded.spent[job] } ?? Spent())
    }
  }

  /// Keeps entries: a crash of the process does not lose them once this has returned.
  ///
  /// - Parameters:
  ///   - job: for entries that are refusals.
  ///   - spent: for the entries; kept together with the vectors, so that what is there was counted.
  package func store(
    _ entries: [(key: Key, entry: Entry)], job: Int64, spent: Spent? = nil
  ) async throws {
    var frame = EmbeddingLog.Frame(job: job, spent: spent ?? Spent(), entries: [])
    var refusals: [(key: Key, reason: String)] = []
    for (key, entry) in entries {
      switch entry {
      case .vector(let vector): frame.entries.append((key, vector))
      case .refused(let reason): refusals.append((key, reason))
      }
    }
    if !frame.entries.isEmpty || spent != nil {
      let writing = EmbeddingLog.Writing(frame)
      try await withCheckedThrowingContinuation { (done: CheckedContinuation<Void, any Error>) in
        appending.async { [self] in done.resume(with: Result { try append(writing) }) }
      }
    }
    guard !refusals.isEmpty else { return }
    try await writing { [refusals] db in
      let refuse = try db.cachedStatement(
        sql: "INSERT OR REPLACE INTO refusals (job, high, low, reason) VALUES (?, ?, ?, ?)")
      for (key, reason) in refusals {
        try refuse.execute(
          arguments: [job, Int64(bitPattern: key.high), Int64(bitPattern: key.low), reason])
      }
    }
  }

  /// On the queue of appending.
  private func append(_ writing: EmbeddingLog.Writing) throws {
    var (log, end, isClosed) = state.withLock { ($0.logs[$0.newest], $0.end, $0.isClosed) }
    // Whoever opens the directory next writes to the same place.
    guard !isClosed else { throw MoultError(.unavailable, "the cache of embeddings is closed") }
    if log == nil || end >= logBytesMax {
      let number = state.withLock { $0.newest } + 1
      log = try EmbeddingLog(
        number: number, path: directory.absolutePath(FileNames.embeddingLog(number)), isKnown: false,
        fileSystem: directory.fileSystem)
      try directory.fileSystem.syncDirectory(directory.absolutePath(FileNames.embeddingLogs))
      end = EmbeddingLog.start
    }
    guard let log else { return }
    let (places, newEnd) = try log.append(writing, at: end)
    state.withLock { state in
      state.logs[log.number] = log
      state.newest = log.number
      state.end = newEnd
      state.unfolded.add(writing.frame, places, log: log.number, end: newEnd)
    }
  }

  /// Makes durable, for a power loss too, what was stored, and tells the database of it once that is a lot: the keys of a
  /// moment change nearly every page of a large index, however few they are.
  package func settle() async throws {
    guard state.withLock({ $0.unfolded.places.count }) < placesPerFold else { return try await fold() }
    do {
      try await database.writeWithoutTransaction { [self] _ in
        let logs = state.withLock { state in state.unfolded.ends.keys.compactMap { state.logs[$0] } }
        for log in logs { try log.sync() }
      }
    } catch { throw MoultError.translating(error, path: path) }
  }

  /// Tells the database of what was stored since the last time. Memory keeps the places until somebody does.
  package func fold() async throws {
    do {
      try await database.writeWithoutTransaction { [self] db in
        let (part, logs) = state.withLock { state in
          state.folding = state.unfolded
          state.unfolded = Unfolded()
          return (state.folding, state.logs)
        }
        guard !part.ends.isEmpty || !part.spent.isEmpty else { return }
        do {
          // The database must not know of what a power loss may take.
          for number in part.ends.keys { try logs[number]?.sync() }
          try db.inTransaction {
            try Self.fold(part, in: db)
            return .commit
          }
          state.withLock { $0.folding = Unfolded() }
        } catch {
          state.withLock { state in
            state.unfolded.add(before: part)
            state.folding = Unfolded()
          }
          throw error
        }
      }
    } catch { throw MoultError.translating(error, path: path) }
  }

  private static func fold(_ part: Unfolded, in db: Database) throws {
    // In the order of the index: each of its pages is changed once.
    let sorted = part.places.map {
      (high: Int64(bitPattern: $0.key.high), low: Int64(bitPattern: $0.key.low), place: $0.value)
    }.sorted { ($0.high, $0.low) < ($1.high, $1.low) }
    for first in stride(from: 0, to: sorted.count, by: rowsPerStatement) {
      let part = sorted[first..<min(sorted.count, first + rowsPerStatement)]
      let insert = try statement(rows: part.count, of: 5, in: db) {
        """
        INSERT INTO places (high, low, log, start, dimension) VALUES \($0)
        ON CONFLICT (high, low) DO UPDATE SET log = excluded.log, start = excluded.start,
          dimension = excluded.dimension
        """
      }
      var arguments: [Int64] = []
      arguments.reserveCapacity(5 * part.count)
      for (high, low, place) in part {
        arguments += [high, low, place.log, Int64(place.offset), Int64(place.dimension)]
      }
      try insert.execute(arguments: StatementArguments(arguments))
    }
    for (job, spent) in part.spent {
      try db.execute(
        sql: """
          INSERT INTO spent (job, texts, requests, tokens, seconds) VALUES (?, ?, ?, ?, ?)
          ON CONFLICT (job) DO UPDATE SET texts = texts + excluded.texts,
            requests = requests + excluded.requests,
            tokens = min(tokens + excluded.tokens, 1 << 60), seconds = seconds + excluded.seconds
          """, arguments: [job, spent.texts, spent.requests, spent.tokens, spent.seconds])
    }
    for (log, end) in part.ends {
      try db.execute(
        sql: "INSERT OR REPLACE INTO logs (number, folded) VALUES (?, ?)", arguments: [log, end])
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
    try await fold()
    try await writing { db in
      for table in ["refusals", "spent", "bridges"] {
        try db.execute(sql: "DELETE FROM \(table) WHERE job = ?", arguments: [job])
      }
    }
    try await trim(to: bytes)
  }

  private func trim(to bytes: Int) async throws {
    let logs = state.withLock { $0.logs.values.sorted { $0.number < $1.number } }
    var rest = try logs.reduce(0) { try $0 + $1.size() }
    var leaving: [EmbeddingLog] = []
    for log in logs where rest > bytes {
      leaving.append(log)
      rest -= try log.size()
    }
    guard let last = leaving.last?.number else { return }
    try await writing { [self, leaving] _ in
      // Nothing is added to the newest meanwhile, and the next log gets another number.
      appending.sync {
        state.withLock { state in
          for log in leaving { state.logs[log.number] = nil }
          state.unfolded.forget(upTo: last)
        }
      }
      // First, and for good: a place without a file is no vector, and the next start sweeps it; a file that the database
      // knows nothing of would be read again, and what it has cost be counted again.
      for log in leaving { try directory.fileSystem.remove(log.path) }
      try directory.fileSystem.syncDirectory(directory.absolutePath(FileNames.embeddingLogs))
    }
    // In parts: other jobs store theirs meanwhile.
    let width = Int64(1) << 60
    for part in 0..<16 {
      // The product passes through all 64 bits.
      let low = Int64.min &+ Int64(part) &* width
      try await writing { db in
        try db.execute(
          sql: "DELETE FROM places WHERE high BETWEEN ? AND ? AND log <= ?",
          arguments: [low, low + (width - 1), last])
      }
    }
    try await writing { db in
      try db.execute(sql: "DELETE FROM logs WHERE number <= ?", arguments: [last])
    }
  }

  private func writing<Value: Sendable>(_ body: @escaping @Sendable (Database) throws -> Value) async throws
    -> Value
  {
    do { return try await database.write(body) } catch { throw MoultError.translating(error, path: path) }
  }

  private func reading<Value>(_ body: (Database) throws -> Value) throws -> Value {
    do { return try database.read(body) } catch { throw MoultError.translating(error, path: path) }
  }
}
