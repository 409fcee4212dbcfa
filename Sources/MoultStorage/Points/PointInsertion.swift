import GRDB
import GRDBSQLite

/// Puts points into the table of a collection, one after the other.
///
/// With SQLite's own calls: arguments in GRDB's form take longer to bind than the point to insert.
struct PointInsertion {
  private let statement: Statement
  private let connection: SQLiteConnection

  init(table: String, in db: Database) throws {
    statement = try db.cachedStatement(
      sql: """
        INSERT INTO \(table) (row, key, payload) VALUES (?, ?, ?) ON CONFLICT (key) WHERE died IS NULL DO NOTHING
        """)
    guard let connection = db.sqliteConnection else {
      throw DatabaseError(resultCode: .SQLITE_MISUSE, message: "the database is closed")
    }
    self.connection = connection
  }

  /// - Parameters:
  ///   - key: an integer or a text.
  ///   - payload: `nil` or empty for none.
  /// - Returns: `false`, and nothing is inserted, when a live row has that key.
  func insert(row: Int64, key: DatabaseValue, payload: String?) throws -> Bool {
    let own = statement.sqliteStatement
    defer {
      sqlite3_reset(own)
      // What is bound is not copied, and goes.
      sqlite3_clear_bindings(own)
    }
    try check(sqlite3_bind_int64(own, 1, row))
    guard let payload, !payload.isEmpty else {
      try check(sqlite3_bind_null(own, 3))
      return try insert(key)
    }
    return try bind(payload, 3) { try insert(key) }
  }

  private func insert(_ key: DatabaseValue) throws -> Bool {
    switch key.storage {
    case .int64(let number):
      try check(sqlite3_bind_int64(statement.sqliteStatement, 2, number))
      return try step()
    case .string(let text): return try bind(text, 2, step)
    default: preconditionFailure("keys are integers or texts")
    }
  }

  /// - Parameter body: runs while the text is bound.
  private func bind(_ text: String, _ place: Int32, _ body: () throws -> Bool) throws -> Bool {
    var text = text
    return try text.withUTF8 { bytes in
      try bytes.withMemoryRebound(to: CChar.self) { bytes in
        try withUnsafePointer(to: 0 as CChar) { empty in
          try check(
            sqlite3_bind_text64(
              statement.sqliteStatement, place, bytes.baseAddress ?? empty, UInt64(bytes.count), nil,
              UInt8(SQLITE_UTF8)))
          return try body()
        }
      }
    }
  }

  private func check(_ code: Int32) throws {
    guard code == SQLITE_OK else { throw DatabaseError(resultCode: ResultCode(rawValue: code)) }
  }

  private func step() throws -> Bool {
    guard sqlite3_step(statement.sqliteStatement) == SQLITE_DONE else {
      throw DatabaseError(
        resultCode: ResultCode(rawValue: sqlite3_extended_errcode(connection)),
        message: String(cString: sqlite3_errmsg(connection)))
    }
    return sqlite3_changes(connection) > 0
  }
}
