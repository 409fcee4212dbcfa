package import GRDB

extension PointStore {
  /// Texts that live rows have as a member of their payload's object, in the order of rows.
  ///
  /// - Parameters:
  ///   - afterRow: where the last page ended; −1 for the first.
  ///   - limit: of rows that are looked at.
  /// - Returns: one entry for each row that was looked at; `nil` where the member is no text, or is not there.
  package func texts(
    ofField name: String, afterRow: Int64, limit: Int, in db: Database
  ) throws -> [(row: Int64, text: String?)] {
    let statement = try db.cachedStatement(
      sql: """
        SELECT row, CASE json_type(payload, ?) WHEN 'text' THEN json_extract(payload, ?) END
        FROM \(table) NOT INDEXED WHERE row > ? AND died IS NULL ORDER BY row LIMIT ?
        """)
    let path = try Self.jsonPath([name])
    let rows = try Row.fetchCursor(statement, arguments: [path, path, afterRow, limit])
    var texts: [(row: Int64, text: String?)] = []
    while let row = try rows.next() { texts.append((row[0], row[1])) }
    return texts
  }

  /// Gives a live row another payload, in its place. Indexes and filters that have read the old one must be told.
  ///
  /// - Parameter payload: without parts, which stay as they are.
  package func setPayload(_ payload: String, ofRow row: Int64, in db: Database) throws {
    let update = try db.cachedStatement(
      sql: "UPDATE \(table) SET payload = ? WHERE row = ? AND died IS NULL")
    try update.execute(arguments: [payload.isEmpty ? nil : payload, row])
  }
}
