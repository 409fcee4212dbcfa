package import GRDB
import MoultModel

extension Catalog {
  /// Segments of a collection, by rows.
  package func segments(of collectionID: Int64, in db: Database) throws -> [SegmentRecord] {
    let statement = try db.cachedStatement(
      sql: "SELECT * FROM segments WHERE collection_id = ? ORDER BY first_row")
    return try Row.fetchAll(statement, arguments: [collectionID]).map(SegmentRecord.init(row:))
  }

  /// - Throws: `internalError` when there is none.
  package func segment(_ id: Int64, in db: Database) throws -> SegmentRecord {
    let statement = try db.cachedStatement(sql: "SELECT * FROM segments WHERE id = ?")
    guard let row = try Row.fetchOne(statement, arguments: [id]) else {
      throw MoultError(.internalError, "the catalog has no segment number \(id)")
    }
    return try SegmentRecord(row: row)
  }

  /// Adds a growing segment and gives its file a name. The file must exist before the commit.
  ///
  /// The number of a segment whose transaction was rolled back may be given out again: creating its file
  /// replaces a leftover.
  package func insertSegment(
    collection collectionID: Int64, firstRow: Int64, rowCapacity: Int, in db: Database
  ) throws -> SegmentRecord {
    try db.execute(
      sql: """
        INSERT INTO segments (collection_id, first_row, row_capacity, state, file)
        VALUES (?, ?, ?, 'growing', '')
        """, arguments: [collectionID, firstRow, rowCapacity])
    let id = db.lastInsertedRowID
    try db.execute(
      sql: "UPDATE segments SET file = ? WHERE id = ?",
      arguments: [FileNames.vectors(collection: collectionID, segment: id), id])
    return try segment(id, in: db)
  }

  /// Sets the number of rows that are committed.
  package func updateSegment(_ id: Int64, rowCount: Int, in db: Database) throws {
    let statement = try db.cachedStatement(sql: "UPDATE segments SET row_count = ? WHERE id = ?")
    try statement.execute(arguments: [rowCount, id])
    try requireChange(db, "segment", id)
  }

  /// The segment's file is sealed with `rowCount` rows, durably, and takes no more.
  package func sealSegment(_ id: Int64, rowCount: Int, in db: Database) throws {
    try db.execute(
      sql: "UPDATE segments SET row_count = ?, state = 'sealed' WHERE id = ?", arguments: [rowCount, id])
    try requireChange(db, "segment", id)
  }

  /// Removes a segment with its codes and graphs: none of its rows may be alive, or all are elsewhere.
  ///
  /// - Returns: the files to remove after the commit.
  package func deleteSegment(_ id: Int64, in db: Database) throws -> [String] {
    let segment = try segment(id, in: db)
    let derived = try Row.fetchAll(
      db, sql: "DELETE FROM generation_segments WHERE segment_id = ? RETURNING codes_file, graph_file",
      arguments: [id])
    try db.execute(sql: "DELETE FROM segments WHERE id = ?", arguments: [id])
    return [segment.file] + [segment.rowsFile].compactMap(\.self)
      + derived.flatMap { [$0[0] as String?, $0[1] as String?].compactMap(\.self) }
  }

  /// The number of the next segment; never given twice while its row is there.
  ///
  /// A merge names its files by it before it commits. Only the holder of the collection's jobs may rely on it:
  /// see `insertMergedSegment`.
  package func reserveSegment(in db: Database) throws -> Int64 {
    try reserve(1, of: "segments", in: db).lowerBound
  }

  /// Puts a sealed segment in the place of the ones that it was merged from.
  ///
  /// - Parameters:
  ///   - id: from `reserveSegment`.
  ///   - rows: the range of row numbers, left out ones included.
  ///   - rowsFile: which of them it holds; `nil` for all.
  /// - Returns: the files of the merged segments, their codes and graphs included, to remove after the commit.
  package func insertMergedSegment(
    _ id: Int64, of collectionID: Int64, replacing merged: [Int64], rows: Range<Int64>, rowCount: Int,
    rowsFile: String?, in db: Database
  ) throws -> [String] {
    let obsolete = try merged.flatMap { try deleteSegment($0, in: db) }
    try db.execute(
      sql: """
        INSERT INTO segments
          (id, collection_id, first_row, row_capacity, row_count, state, file, rows_file, row_span)
        VALUES (?, ?, ?, ?, ?, 'sealed', ?, ?, ?)
        """,
      arguments: [
        id, collectionID, rows.lowerBound, rowCount, rowCount,
        FileNames.vectors(collection: collectionID, segment: id), rowsFile, Int64(rows.count),
      ])
    return obsolete
  }

  /// Names the files of a sealed segment in a generation; they must be durable. Replaces an earlier
  /// record.
  package func recordCodes(
    generation: Int64, segment: Int64, codesFile: String?, graphFile: String?, in db: Database
  ) throws {
    try db.execute(
      sql: """
        INSERT INTO generation_segments (generation_id, segment_id, codes_file, graph_file)
        VALUES (?, ?, ?, ?)
        ON CONFLICT DO UPDATE SET codes_file = coalesce(excluded.codes_file, codes_file),
          graph_file = coalesce(excluded.graph_file, graph_file)
        """, arguments: [generation, segment, codesFile, graphFile])
  }

  /// What a generation has built, by segment.
  package func generationSegments(
    of generation: Int64, in db: Database
  ) throws -> [GenerationSegmentRecord] {
    let statement = try db.cachedStatement(
      sql: "SELECT * FROM generation_segments WHERE generation_id = ? ORDER BY segment_id")
    return try Row.fetchAll(statement, arguments: [generation]).map { row in
      GenerationSegmentRecord(
        generationID: row["generation_id"], segmentID: row["segment_id"], codesFile: row["codes_file"],
        graphFile: row["graph_file"])
    }
  }
}

extension SegmentRecord {
  init(row: Row) throws {
    let id: Int64 = row["id"]
    self.init(
      id: id, collectionID: row["collection_id"], firstRow: row["first_row"],
      rowCapacity: row["row_capacity"], rowCount: row["row_count"],
      state: try decodeState(row["state"], "state of segment \(id)"), file: row["file"],
      rowsFile: row["rows_file"], mergedSpan: row["row_span"])
  }
}
