package import GRDB
import MoultModel

/// Puts records of a backup into the catalog, under numbers that were reserved for them.
extension Catalog {
  /// Numbers that are given to nobody else.
  ///
  /// - Parameter table: one whose numbers are `AUTOINCREMENT`.
  func reserve(_ count: Int, of table: String, in db: Database) throws -> Range<Int64> {
    try db.execute(
      sql: """
        INSERT INTO sqlite_sequence (name, seq) SELECT :table, 0
        WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = :table)
        """, arguments: ["table": table])
    try db.execute(
      sql: "UPDATE sqlite_sequence SET seq = seq + ? WHERE name = ?", arguments: [count, table])
    let last = try Int64.fetchOne(
      db, sql: "SELECT seq FROM sqlite_sequence WHERE name = ?", arguments: [table])!
    return last - Int64(count) + 1..<last + 1
  }

  func restore(_ segment: SegmentRecord, in db: Database) throws {
    try db.execute(
      sql: """
        INSERT INTO segments
          (id, collection_id, first_row, row_capacity, row_count, state, file, rows_file, row_span)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
        """,
      arguments: [
        segment.id, segment.collectionID, segment.firstRow, segment.rowCapacity, segment.rowCount,
        segment.state.rawValue, segment.file, segment.rowsFile, segment.mergedSpan,
      ])
  }

  /// Replaces the one that the collection was made with, where it has its number.
  func restore(_ generation: GenerationRecord, in db: Database) throws {
    try db.execute(
      sql: """
        INSERT INTO generations
          (id, collection_id, specification, state, report, encoder_file, created_at, published_at)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT (id) DO UPDATE SET specification = excluded.specification, state = excluded.state,
          report = excluded.report, encoder_file = excluded.encoder_file, created_at = excluded.created_at,
          published_at = excluded.published_at
        """,
      arguments: [
        generation.id, generation.collectionID, try encodeJSON(generation.specification),
        generation.state.rawValue, generation.report, generation.encoderFile, generation.createdAt,
        generation.publishedAt,
      ])
  }

  func restore(
    _ collection: Int64, currentGeneration: Int64, nextRow: Int64, nextSequence: Int64, nextKey: Int64,
    previousGeneration: Int64?,
    createdAt: Int64, in db: Database
  ) throws {
    try db.execute(
      sql: """
        UPDATE collections SET current_generation = ?, next_row = ?, next_sequence = ?, next_key = ?, previous_generation = ?,
          created_at = ? WHERE id = ?
        """,
      arguments: [
        currentGeneration, nextRow, nextSequence, nextKey, previousGeneration, createdAt, collection,
      ])
    try requireChange(db, "collection", collection)
  }

  /// Makes a collection live in the place of another one, which must be gone but for its aliases.
  package func publish(_ collection: Int64, as name: String, in db: Database) throws {
    try rename(collection, to: name, in: db)
    try setCollectionState(.live, of: collection, in: db)
  }

  /// Points all aliases of a collection to another one.
  package func moveAliases(of collection: Int64, to other: Int64, in db: Database) throws {
    try db.execute(
      sql: "UPDATE aliases SET collection_id = ? WHERE collection_id = ?", arguments: [other, collection])
  }
}

extension PointStore {
  /// Rows behind `afterRow`, living and dead, of about `bytes` altogether, but at least one.
  func backup(afterRow: Int64, bytes: Int, in db: Database) throws -> [BackupPoint] {
    let statement = try db.cachedStatement(
      sql: "SELECT row, key, payload, died FROM \(table) NOT INDEXED WHERE row > ? ORDER BY row")
    let rows = try Row.fetchCursor(statement, arguments: [afterRow])
    let hasParts = try hasParts(in: db)
    var points: [BackupPoint] = []
    var taken = 0
    while taken < bytes, let row = try rows.next() {
      let died: Int64? = row[3]
      // The dead have nothing to tell.
      var point = BackupPoint(
        row: row[0], died: died, key: id(row, at: 1), payload: died == nil ? row[2] : nil)
      if hasParts, died == nil {
        let parts = try parts(ofRow: point.row, in: db)
        if !parts.isEmpty { point.payload = PayloadParts(plain: point.payload ?? "", parts: parts).payload }
      }
      points.append(point)
      taken += point.encodedBytes
    }
    return points
  }

  /// - Throws: `corrupted` for two living rows of one key, or one row twice.
  func restore(_ points: [BackupPoint], in db: Database) throws {
    let statement = try db.cachedStatement(
      sql: "INSERT INTO \(table) (row, key, payload, died) VALUES (?, ?, ?, ?)")
    for point in points {
      let split = point.payload.flatMap(PayloadParts.init)
      // Rows without a payload have NULL, not an empty text.
      let plain = split.map { $0.plain.isEmpty ? nil : $0.plain } ?? point.payload
      if let split { try insert(split.parts, row: point.row, in: db) }
      do {
        try statement.execute(
          arguments: [point.row, try storableKey(point.key), plain, point.died])
      } catch let error as DatabaseError where error.resultCode == .SQLITE_CONSTRAINT {
        throw MoultError(.corrupted, "row \(point.row) or its key \(point.key) is there twice")
      }
    }
  }
}
