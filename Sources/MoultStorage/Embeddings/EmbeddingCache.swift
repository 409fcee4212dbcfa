import Foundation
import GRDB
import MoultModel
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

  struct State {
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

  let database: DatabasePool
  let path: String
  private let directory: DataDirectory
  let state: Mutex<State>
  private let logBytesMax: Int
  let placesPerFold: Int
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
      try EmbeddingCacheMigrations.migrate(database)
      state = Mutex(try Self.open(directory, database))
    } catch {
      throw MoultError.translating(error, path: path)
    }
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
    // Else the next start reads it from the logs.
    try? database.writeWithoutTransaction { try fold(in: $0) }
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

  func writing<Value: Sendable>(_ body: @escaping @Sendable (Database) throws -> Value) async throws
    -> Value
  {
    do { return try await database.write(body) } catch { throw MoultError.translating(error, path: path) }
  }

  func reading<Value>(_ body: (Database) throws -> Value) throws -> Value {
    do { return try database.read(body) } catch { throw MoultError.translating(error, path: path) }
  }
}
