package import Foundation
package import GRDB
package import MoultModel

/// Parts of payloads, in a table of their own that is made when the first of them comes:
/// `parts_<collection> (row, number, data)`. They are those of living rows alone.
extension PointStore {
  /// Bytes of parts in the answer to one call at most.
  package static let partBytesMax = 256 << 20

  private var partTable: String { "parts_\(collectionID)" }

  package func hasParts(in db: Database) throws -> Bool { try db.tableExists(partTable) }

  func dropPartTable(in db: Database) throws { try db.execute(sql: "DROP TABLE IF EXISTS \(partTable)") }

  /// An older Moult would lose them: from now on it does not open the directory.
  private func requirePartTable(in db: Database) throws {
    guard try !hasParts(in: db) else { return }
    try db.execute(
      sql: """
        CREATE TABLE \(partTable) (
          row INTEGER NOT NULL,
          number INTEGER NOT NULL,
          data BLOB NOT NULL,
          PRIMARY KEY (row, number)
        ) STRICT;
        """)
    try CatalogMigrations.raise(toVersion: CatalogMigrations.versionWithParts, in: db)
  }

  // MARK: Writing

  func insert(_ parts: [PayloadParts.Part], row: Int64, in db: Database) throws {
    try requirePartTable(in: db)
    let statement = try db.cachedStatement(
      sql: "INSERT INTO \(partTable) (row, number, data) VALUES (?, ?, ?)")
    for part in parts { try statement.execute(arguments: [row, part.number, part.bytes]) }
  }

  func deleteParts(ofRow row: Int64, in db: Database) throws {
    let statement = try db.cachedStatement(sql: "DELETE FROM \(partTable) WHERE row = ?")
    try statement.execute(arguments: [row])
  }

  /// Deletes parts of one number, some of them at a time.
  ///
  /// - Returns: how many; call again until 0.
  package func deleteParts(number: Int, limit: Int = 1_000, in db: Database) throws -> Int {
    guard try hasParts(in: db) else { return 0 }
    try db.execute(
      sql: """
        DELETE FROM \(partTable) WHERE rowid IN (SELECT rowid FROM \(partTable) WHERE number = ? LIMIT ?)
        """, arguments: [number, limit])
    return db.changesCount
  }

  // MARK: Reading

  /// How many points have a part of this number.
  package func partCount(number: Int, in db: Database) throws -> Int {
    guard try hasParts(in: db) else { return 0 }
    return try Int.fetchOne(
      db, sql: "SELECT count(*) FROM \(partTable) WHERE number = ?", arguments: [number])
      ?? 0
  }

  /// Points with the parts of their payloads, which were read without.
  ///
  /// - Throws: `tooLarge`.
  package func withParts(_ points: [StoredPoint], in db: Database) throws -> [StoredPoint] {
    guard !points.isEmpty, try hasParts(in: db) else { return points }
    var taken = 0
    return try points.map { try withParts($0, &taken, in: db) }
  }

  func withParts(_ point: StoredPoint, _ taken: inout Int, in db: Database) throws -> StoredPoint {
    let parts = try parts(ofRow: point.row, in: db)
    guard !parts.isEmpty else { return point }
    taken += parts.reduce(0) { $0 + $1.bytes.count }
    guard taken <= Self.partBytesMax else {
      throw MoultError(
        .tooLarge,
        "the multivectors of one answer may have \(Self.partBytesMax) bytes at most; ask for fewer points at a time"
      )
    }
    var point = point
    point.payload = PayloadParts(plain: point.payload ?? "", parts: parts).payload
    return point
  }

  /// How many of the ids, from the first on, have parts of no more than `bytes` together; at least one.
  package func prefix(_ ids: ArraySlice<PointID>, partBytes bytes: Int, in db: Database) throws -> Int {
    guard try hasParts(in: db) else { return ids.count }
    // The length of a blob is known without reading it.
    let size = try db.cachedStatement(sql: "SELECT total(length(data)) FROM \(partTable) WHERE row = ?")
    var taken = 0
    for (place, row) in try ids.map({ try rows(ids: [$0], in: db)[$0] }).enumerated() {
      guard let row else { continue }
      taken += Int(try Double.fetchOne(size, arguments: [row]) ?? 0)
      if taken > bytes { return max(1, place) }
    }
    return ids.count
  }

  /// By number.
  func parts(ofRow row: Int64, in db: Database) throws -> [PayloadParts.Part] {
    let statement = try db.cachedStatement(
      sql: "SELECT number, data FROM \(partTable) WHERE row = ? ORDER BY number")
    return try Row.fetchAll(statement, arguments: [row]).map {
      PayloadParts.Part(number: $0[0], bytes: $0[1])
    }
  }

  /// As ``scanLive(afterRow:limit:payloads:in:)``, with parts; fewer where these are large, but none only at the end.
  package func scanLiveWithParts(afterRow: Int64, limit: Int, in db: Database) throws -> [StoredPoint] {
    let points = try scanLive(afterRow: afterRow, limit: limit, payloads: true, in: db)
    guard try hasParts(in: db) else { return points }
    let count = try prefix(points.map(\.id)[...], partBytes: Self.partBytesMax / 4, in: db)
    var taken = 0
    return try points.prefix(count).map { try withParts($0, &taken, in: db) }
  }

  /// Goes through the parts of one number of all points that match, in no order.
  ///
  /// - Parameters:
  ///   - filter: `nil` matches all.
  ///   - body: takes a row and its part; says whether to go on.
  package func eachPart(
    number: Int, matching filter: PointFilter?, in db: Database,
    _ body: (_ row: Int64, _ data: Data) throws -> Bool
  ) throws {
    guard try hasParts(in: db) else { return }
    var arguments: [(any DatabaseValueConvertible)?] = []
    let condition = try filter.map { " AND " + (try sql($0, &arguments)) } ?? ""
    arguments.append(number)
    try answering(filter, arguments, in: db) {
      // CROSS JOIN keeps the order: a filter that lets few points through spares the parts of all others.
      let cursor = try Row.fetchCursor(
        db,
        sql: """
          SELECT live, data FROM (SELECT row AS live FROM \(table) WHERE died IS NULL\(condition))
          CROSS JOIN \(partTable) AS part ON part.row = live AND part.number = ?
          """, arguments: StatementArguments(arguments))
      while let row = try cursor.next() {
        guard try body(row[0], row[1]) else { return }
      }
    }
  }
}
