package import GRDB
package import MoultModel

/// A row that is dead.
package struct Tombstone: Sendable, Equatable {
  package var row: Int64
  package var id: PointID
  /// The batch that killed it.
  package var sequence: Int64

  package init(row: Int64, id: PointID, sequence: Int64) {
    self.row = row
    self.id = id
    self.sequence = sequence
  }
}

extension PointStore {
  /// Rows that died in batches `afterSequence + 1 … throughSequence`, in that order: what a copy made at
  /// `afterSequence` has to catch up with.
  package func died(
    afterSequence: Int64, throughSequence: Int64, in db: Database
  ) throws -> [Tombstone] {
    let statement = try db.cachedStatement(
      sql: """
        SELECT row, key, died FROM \(table) INDEXED BY \(table)_died
        WHERE died > ? AND died <= ? ORDER BY died, row
        """)
    var tombstones: [Tombstone] = []
    let rows = try Row.fetchCursor(statement, arguments: [afterSequence, throughSequence])
    while let row = try rows.next() {
      tombstones.append(Tombstone(row: row[0], id: id(row, at: 1), sequence: row[2]))
    }
    return tombstones
  }

  /// Points of rows `afterRow + 1 … throughRow` that were alive after a batch, in the order of their rows: the state
  /// that a copy made at these two numbers has, whatever was written since. Payloads of the dead are kept until the next
  /// start.
  ///
  /// - Parameter sequence: of the batch.
  package func scan(
    afterRow: Int64, throughRow: Int64, aliveAfter sequence: Int64, limit: Int, in db: Database
  ) throws -> [StoredPoint] {
    let statement = try db.cachedStatement(
      sql: """
        SELECT row, key, payload FROM \(table) NOT INDEXED
        WHERE row > ? AND row <= ? AND (died IS NULL OR died > ?) ORDER BY row LIMIT ?
        """)
    return try points(of: statement, [afterRow, throughRow, sequence, limit], payloads: true)
  }

  /// What was done to a collection since it had that next row and that last batch.
  ///
  /// - Parameter limit: counts no further than one more.
  /// - Returns: points that were written since and live, and those that are gone since.
  package func changed(
    sinceRow row: Int64, sequence: Int64, limit: Int, in db: Database
  ) throws -> (written: Int, deleted: Int) {
    let written = try Int.fetchOne(
      db,
      sql: """
        SELECT count(*) FROM (SELECT 1 FROM \(table) NOT INDEXED WHERE row >= ? AND died IS NULL LIMIT ?)
        """, arguments: [row, limit + 1])
    let deleted = try Int.fetchOne(
      db,
      sql: """
        SELECT count(*) FROM (
          SELECT 1 FROM \(table) AS gone INDEXED BY \(table)_died WHERE died > ? AND row < ?
          AND NOT EXISTS (SELECT 1 FROM \(table) WHERE key = gone.key AND died IS NULL) LIMIT ?)
        """, arguments: [sequence, row, limit + 1])
    return (written ?? 0, deleted ?? 0)
  }

  /// How many rows have died in batches after that one.
  package func diedCount(afterSequence: Int64, in db: Database) throws -> Int {
    let statement = try db.cachedStatement(
      sql: "SELECT count(*) FROM \(table) INDEXED BY \(table)_died WHERE died > ?")
    return try Int.fetchOne(statement, arguments: [afterSequence]) ?? 0
  }

  /// Dead rows with `from ≤ row < to`, ascending.
  ///
  /// - Complexity: O(all dead rows of the collection), whatever the range: ask once for all segments.
  package func deadRows(from: Int64, to: Int64, in db: Database) throws -> [Int64] {
    let statement = try db.cachedStatement(
      sql: """
        SELECT row FROM \(table) INDEXED BY \(table)_died
        WHERE died IS NOT NULL AND row >= ? AND row < ?
        """)
    return try Int64.fetchAll(statement, arguments: [from, to]).sorted()
  }

  /// Drops payloads of rows that died in batches up to `throughSequence`; keys and tombstones stay.
  ///
  /// - Parameter limit: rows looked at in one go, to keep transactions short.
  /// - Returns: rows changed; call again until 0.
  package func purgeDeadPayloads(
    throughSequence: Int64, limit: Int = 10_000, in db: Database
  ) throws -> Int {
    let statement = try db.cachedStatement(
      sql: """
        UPDATE \(table) SET payload = NULL WHERE row IN (
          SELECT row FROM \(table) INDEXED BY \(table)_died
          WHERE died <= ? AND payload IS NOT NULL LIMIT ?)
        """)
    try statement.execute(arguments: [throughSequence, limit])
    return db.changesCount
  }
}
