package import GRDB
package import MoultModel

/// A stored point without its vector.
package struct StoredPoint: Sendable, Equatable {
  package var row: Int64
  package var id: PointID
  /// JSON text, byte for byte; `nil` when there is none or it was not asked for.
  package var payload: String?

  package init(row: Int64, id: PointID, payload: String? = nil) {
    self.row = row
    self.id = id
    self.payload = payload
  }
}

/// Keys and payloads of one collection's points, in the table `points_<collection>`.
///
/// Every insert of a point takes a new row number; the row that held the key before dies and stays as a
/// tombstone (`died` = the sequence of the batch that killed it), so that readers of a moment ago and
/// catch-up still find it. At most one live row has a given key.
///
/// Every function works inside the caller's transaction. When one throws, let the error roll the
/// transaction back: part of the batch may have been done.
package struct PointStore: Sendable {
  package let collectionID: Int64
  package let keyKind: CollectionSchema.KeyKind
  let table: String
  /// Of a vector field, which rows have a vector there; `nil` for a field that is not there. Vectors are not in the
  /// database.
  package var vectorRows: (@Sendable (_ field: String) -> (@Sendable (_ row: Int64) -> Bool)?)?

  package init(collectionID: Int64, keyKind: CollectionSchema.KeyKind) {
    self.collectionID = collectionID
    self.keyKind = keyKind
    table = "points_\(collectionID)"
  }

  func createTable(in db: Database) throws {
    try db.execute(
      sql: """
        CREATE TABLE \(table) (
          row INTEGER PRIMARY KEY,
          key \(keyType) NOT NULL,
          payload TEXT,
          died INTEGER
        ) STRICT;
        CREATE UNIQUE INDEX \(table)_live ON \(table) (key) WHERE died IS NULL;
        CREATE INDEX \(table)_died ON \(table) (died) WHERE died IS NOT NULL;
        """)
  }

  /// SQLite itself sorts integers before texts where both are allowed.
  private var keyType: String {
    switch keyKind {
    case .int64: "INTEGER"
    case .string: "TEXT"
    case .mixed: "ANY"
    }
  }

  func dropTable(in db: Database) throws {
    try db.execute(sql: "DROP TABLE IF EXISTS \(table)")
    try dropPartTable(in: db)
  }

  // MARK: Writing

  /// Stores points in rows `firstRow`, `firstRow + 1`, ….
  ///
  /// - Parameters:
  ///   - payloads: JSON objects as text, one a point (an empty text is none), or empty.
  ///   - sequence: of this batch; rows that are replaced die with it.
  ///   - replaceExisting: whether a live point with the same id dies (upsert) or is an error (insert).
  /// - Returns: the rows that died, in the order of `ids`.
  /// - Throws: `pointExists` naming the id; `invalidArgument` for an id of the wrong kind or with a NUL.
  package func insert(
    firstRow: Int64, ids: [PointID], payloads: [String] = [], sequence: Int64, replaceExisting: Bool,
    in db: Database
  ) throws -> [Int64] {
    precondition(payloads.isEmpty || payloads.count == ids.count, "one payload a point")
    let insertion = try PointInsertion(table: table, in: db)
    // Those that are replaced were there before: a table that is made in here has nothing of theirs.
    let hasParts = try hasParts(in: db)
    var died: [Int64] = []
    for (offset, id) in ids.enumerated() {
      let key = try storableKey(id)
      let given = payloads.isEmpty ? nil : payloads[offset]
      if let given, given.utf8.contains(0) {
        throw MoultError(.invalidArgument, "the payload of point \(id) holds a NUL byte; JSON has none")
      }
      let row = firstRow + Int64(offset)
      let split = given.flatMap(PayloadParts.init)
      let payload = split?.plain ?? given
      if let split { try insert(split.parts, row: row, in: db) }
      // Most points are new, and to find that out beforehand would cost as much as to insert them.
      if try insertion.insert(row: row, key: key, payload: payload) { continue }
      guard replaceExisting else {
        throw MoultError(.pointExists, "there is a point \(id) already; upsert replaces it")
      }
      if let replaced = try kill(key, sequence: sequence, hasParts: hasParts, in: db) {
        died.append(replaced)
      }
      guard try insertion.insert(row: row, key: key, payload: payload) else {
        throw MoultError(.internalError, "the point \(id) is live after it was replaced")
      }
    }
    return died
  }

  /// Deletes the points that exist; unknown ids are skipped.
  ///
  /// - Returns: the rows that died, in the order of `ids`.
  package func delete(ids: [PointID], sequence: Int64, in db: Database) throws -> [Int64] {
    let hasParts = try hasParts(in: db)
    return try ids.compactMap { id in
      guard let key = searchableKey(id) else { return nil }
      return try kill(key, sequence: sequence, hasParts: hasParts, in: db)
    }
  }

  /// - Returns: the row that held the key, or `nil` when none did.
  private func kill(
    _ key: DatabaseValue, sequence: Int64, hasParts: Bool, in db: Database
  ) throws -> Int64? {
    guard let row = try liveRow(of: key, in: db) else { return nil }
    if hasParts { try deleteParts(ofRow: row, in: db) }
    let update = try db.cachedStatement(sql: "UPDATE \(table) SET died = ? WHERE row = ?")
    try update.execute(arguments: [sequence, row])
    return row
  }

  // MARK: Reading

  /// The live rows of those ids that are stored.
  package func rows(ids: [PointID], in db: Database) throws -> [PointID: Int64] {
    var rows: [PointID: Int64] = [:]
    for id in ids {
      if let key = searchableKey(id), let row = try liveRow(of: key, in: db) { rows[id] = row }
    }
    return rows
  }

  /// Points by row, live or dead; rows that do not exist are left out.
  ///
  /// - Parameter parts: whether payloads come with their parts, which whoever writes them back needs.
  package func points(
    rows: some Sequence<Int64>, payloads: Bool, parts: Bool = false, in db: Database
  ) throws -> [Int64: StoredPoint] {
    let hasParts = try parts && hasParts(in: db)
    var partBytes = 0
    let statement = try db.cachedStatement(
      sql: "SELECT row, key\(payloads ? ", payload" : "") FROM \(table) WHERE row = ?")
    var points: [Int64: StoredPoint] = [:]
    for row in rows {
      if let found = try Row.fetchOne(statement, arguments: [row]) {
        points[row] = point(found, payloads: payloads)
        if hasParts { points[row] = try withParts(points[row]!, &partBytes, in: db) }
      }
    }
    return points
  }

  /// Live points in the order of their rows.
  ///
  /// - Parameter afterRow: where the last page ended; −1 for the first.
  package func scanLive(
    afterRow: Int64, limit: Int, payloads: Bool, in db: Database
  ) throws -> [StoredPoint] {
    let statement = try db.cachedStatement(
      sql: """
        SELECT row, key\(payloads ? ", payload" : "") FROM \(table) NOT INDEXED
        WHERE row > ? AND died IS NULL ORDER BY row LIMIT ?
        """)
    return try points(of: statement, [afterRow, limit], payloads: payloads)
  }

  /// Live points in the order of their ids.
  ///
  /// - Parameter after: where the last page ended; `nil` for the first.
  package func scanLiveByKey(
    after: PointID?, limit: Int, payloads: Bool, in db: Database
  ) throws -> [StoredPoint] {
    let source = "SELECT row, key\(payloads ? ", payload" : "") FROM \(table) INDEXED BY \(table)_live"
    guard let after else {
      let statement = try db.cachedStatement(
        sql: "\(source) WHERE died IS NULL ORDER BY key LIMIT ?")
      return try points(of: statement, [limit], payloads: payloads)
    }
    let statement = try db.cachedStatement(
      sql: "\(source) WHERE died IS NULL AND key > ? ORDER BY key LIMIT ?")
    return try points(of: statement, [storableKey(after), limit], payloads: payloads)
  }

  /// - Complexity: O(live points).
  package func liveCount(in db: Database) throws -> Int {
    try Int.fetchOne(
      db.cachedStatement(sql: "SELECT count(*) FROM \(table) INDEXED BY \(table)_live WHERE died IS NULL"))
      ?? 0
  }

  func liveRow(of key: DatabaseValue, in db: Database) throws -> Int64? {
    let lookup = try db.cachedStatement(
      sql: "SELECT row FROM \(table) INDEXED BY \(table)_live WHERE key = ? AND died IS NULL")
    return try Int64.fetchOne(lookup, arguments: [key])
  }

  func points(
    of statement: Statement, _ arguments: StatementArguments, payloads: Bool
  ) throws -> [StoredPoint] {
    var points: [StoredPoint] = []
    let rows = try Row.fetchCursor(statement, arguments: arguments)
    while let row = try rows.next() { points.append(point(row, payloads: payloads)) }
    return points
  }

  private func point(_ row: Row, payloads: Bool) -> StoredPoint {
    StoredPoint(row: row[0], id: id(row, at: 1), payload: payloads ? row[2] : nil)
  }

  func id(_ row: Row, at column: Int) -> PointID {
    switch keyKind {
    case .int64: .int64(row[column])
    case .string: .string(row[column])
    case .mixed:
      if case .int64(let number) = (row[column] as DatabaseValue).storage {
        .int64(number)
      } else {
        .string(row[column])
      }
    }
  }

  // MARK: Keys

  /// - Throws: `invalidArgument` when the collection cannot hold the id.
  func storableKey(_ id: PointID) throws -> DatabaseValue {
    if let key = searchableKey(id) { return key }
    switch (keyKind, id) {
    case (.int64, .string(let text)):
      throw MoultError(.invalidArgument, "this collection's ids are integers, got the string '\(text)'")
    case (.string, .int64(let number)):
      throw MoultError(.invalidArgument, "this collection's ids are strings, got the integer \(number)")
    default:
      throw MoultError(.invalidArgument, "an id must not hold a NUL character, got \(id)")
    }
  }

  /// `nil` when no point can have the id: it is of the wrong kind, or it has a NUL, at which SQLite's
  /// text would end.
  private func searchableKey(_ id: PointID) -> DatabaseValue? {
    switch (keyKind, id) {
    case (.int64, .int64(let number)), (.mixed, .int64(let number)): number.databaseValue
    case (.string, .string(let text)), (.mixed, .string(let text)):
      text.utf8.contains(0) ? nil : text.databaseValue
    case (.int64, .string), (.string, .int64): nil
    }
  }
}
