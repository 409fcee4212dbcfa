import GRDB
import MoultModel
import Synchronization

/// How the database learns of what was stored.
extension EmbeddingCache {
  /// What the database does not know yet.
  struct Unfolded {
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
    do { try await database.writeWithoutTransaction { [self] db in try fold(in: db) } } catch {
      throw MoultError.translating(error, path: path)
    }
  }

  func fold(in db: Database) throws {
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

  /// Rows that one statement takes: they share what it costs to run.
  static let rowsPerStatement = 250

  /// - Parameter sql: of the parameters of all rows, "(?, ?), (?, ?)". Only that of full statements is kept compiled.
  static func statement(
    rows: Int, of columns: Int, in db: Database, _ sql: (_ values: String) -> String
  ) throws -> Statement {
    let row = "(" + Array(repeating: "?", count: columns).joined(separator: ", ") + ")"
    let sql = sql(Array(repeating: row, count: rows).joined(separator: ", "))
    return try rows == rowsPerStatement ? db.cachedStatement(sql: sql) : db.makeStatement(sql: sql)
  }
}
