package import GRDB
import MoultModel

extension Catalog {
  /// Stores what rows of a segment are, in the transaction that commits them.
  package func record(_ checksums: [VectorChecksum], of segment: Int64, in db: Database) throws {
    let statement = try db.cachedStatement(
      sql: """
        INSERT INTO vector_checksums (segment_id, place, row_count, checksum) VALUES (?, ?, ?, ?)
        """)
    for known in checksums {
      try statement.execute(
        arguments: [segment, known.places.lowerBound, known.places.count, Int64(known.checksum)])
    }
  }

  /// What is known of a segment's rows, rising. Rows that an earlier Moult wrote may be missing.
  ///
  /// - Parameter rowCount: rows of the segment.
  /// - Throws: `corrupted` when places lie outside of it.
  package func checksums(of segment: Int64, rowCount: Int, in db: Database) throws -> [VectorChecksum] {
    let statement = try db.cachedStatement(
      sql: "SELECT place, row_count, checksum FROM vector_checksums WHERE segment_id = ? ORDER BY place")
    return try Row.fetchAll(statement, arguments: [segment]).map { row in
      let (place, count, checksum): (Int, Int, Int64) = (row[0], row[1], row[2])
      guard place >= 0, count > 0, place <= rowCount, count <= rowCount - place,
        let checksum = UInt32(exactly: checksum)
      else {
        throw MoultError(
          .corrupted,
          "the catalog has a checksum of \(count) rows from \(place) on of segment \(segment), "
            + "expected rows below \(rowCount)")
      }
      return VectorChecksum(places: place..<place + count, checksum: checksum)
    }
  }

  /// Replaces what is known of a segment's rows.
  package func replaceChecksums(_ checksums: [VectorChecksum], of segment: Int64, in db: Database) throws {
    try db.execute(sql: "DELETE FROM vector_checksums WHERE segment_id = ?", arguments: [segment])
    try record(checksums, of: segment, in: db)
  }
}
