import CSQLitePages
import GRDB
import MoultModel

/// The SQLite database of a data directory: which form it has, and how it is opened.
///
/// Since format 5 each of its pages ends in a checksum, which the VFS of `CSQLitePages` makes and compares.
/// ``DatabaseUpgrade`` raises a database that has none.
struct DatabaseFile {
  enum Form {
    /// There is none yet.
    case absent
    /// As SQLite makes it by itself: up to format 4.
    case plain
    /// With a checksum at the end of each page.
    case checksummed
  }

  /// What a database of ours has at bytes 68 ..< 72: "Moul". Damage to one of the two marks of the form leaves the other.
  static let applicationID: UInt32 = 0x4d6f_756c
  static let pageSize = Int(MOULT_PAGE_SIZE)

  let path: String
  let fileSystem: any FileSystem
  /// `false` for tests that show what would happen: checksums are written and not compared.
  var comparesChecksums = true

  var logPath: String { path + "-wal" }

  /// Opens the database, makes it when it is missing, raises it when it is older.
  ///
  /// The log that a crash has left is looked at before SQLite may use it, and then taken over into the database: what
  /// lies in a log has no second copy.
  ///
  /// - Parameters:
  ///   - readers: connections that read at the same time.
  ///   - isExpected: whether there are other files of Moult, so that an absent database is damage.
  /// - Throws: `unsupportedVersion`, `corrupted` naming file and place, `diskFull`; errors of SQLite.
  func open(readers: Int, isExpected: Bool) throws -> DatabasePool {
    let code = moult_pages_register()
    guard code == 0 else {
      throw MoultError(.internalError, "SQLite does not take the VFS '\(MOULT_PAGES_VFS)': code \(code)")
    }
    let form = try self.form()
    let logSize = try fileSystem.size(atPath: logPath) ?? 0
    if form == .absent, isExpected || logSize > 0 {
      throw corruption(
        path, 0, "file size",
        expected: "a database, since \(isExpected ? "collections" : "its log") are here",
        got: "nothing")
    }
    if comparesChecksums { try WriteAheadLog(of: self).requireSound() }
    if form != .absent { try requireReadableVersion(form) }
    if form == .plain { try DatabaseUpgrade(file: self).run() }
    let database = try openPool(readers: readers)
    do {
      try database.read { try CatalogMigrations.requireReadableVersion($0, path: path) }
      _ = try database.writeWithoutTransaction { try $0.checkpoint(.truncate) }
      try CatalogMigrations.migrate(database)
      return database
    } catch {
      try? database.close()
      throw error
    }
  }

  /// Which form the file has, by its header alone.
  ///
  /// - Throws: `corrupted` when it is no database.
  func form() throws -> Form {
    guard let size = try fileSystem.size(atPath: path), size > 0 else { return .absent }
    let file = try fileSystem.open(path, .read)
    defer { fileSystem.close(file) }
    var header = [UInt8](repeating: 0, count: 100)
    let count = try header.withUnsafeMutableBytes { try fileSystem.readAll(into: $0, from: file, at: 0) }
    guard count == header.count, header.starts(with: Array("SQLite format 3\0".utf8)) else {
      throw corruption(path, 0, "header", expected: "that of an SQLite database", got: "another")
    }
    let applicationID = header[68..<72].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
    return header[20] == UInt8(MOULT_PAGE_RESERVED) || applicationID == Self.applicationID
      ? .checksummed : .plain
  }

  /// The name under which SQLite opens a file behind the VFS.
  func uri(_ path: String) -> String {
    let plain = Set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-~".utf8)
    let digits = Array("0123456789ABCDEF")
    var text = "file:"
    // Two slashes at the front would begin the name of a machine.
    if path.hasPrefix("//") { text += "//" }
    for byte in path.utf8 {
      if plain.contains(byte) {
        text.unicodeScalars.append(Unicode.Scalar(byte))
      } else {
        text += "%\(digits[Int(byte >> 4)])\(digits[Int(byte & 15)])"
      }
    }
    return text + "?vfs=\(MOULT_PAGES_VFS)" + (comparesChecksums ? "" : "&compare=0")
  }

  /// Has room left for checksums wherever this connection makes a database.
  static func reserve(_ db: Database) throws {
    let code = moult_pages_reserve(db.sqliteConnection.map { UnsafeMutableRawPointer($0) })
    guard code == 0 else { throw DatabaseError(resultCode: ResultCode(rawValue: code)) }
  }

  // MARK: Parts

  /// Looks at an existing database without changing it.
  private func requireReadableVersion(_ form: Form) throws {
    var configuration = Configuration()
    configuration.readonly = true
    do {
      let database = try DatabaseQueue(path: form == .plain ? path : uri(path), configuration: configuration)
      try database.read { try CatalogMigrations.requireReadableVersion($0, path: path) }
      try database.close()
    } catch let error as DatabaseError where error.extendedResultCode == .SQLITE_READONLY_ROLLBACK {
      // The very first start was cut off before the database had a log: its journal has to be taken back, which who
      // only reads cannot do. `open` looks once more.
    }
  }

  private func openPool(readers: Int) throws -> DatabasePool {
    var configuration = Configuration()
    configuration.label = "moult"
    configuration.maximumReaderCount = readers
    configuration.busyMode = .timeout(10)
    configuration.foreignKeysEnabled = true
    configuration.prepareDatabase { db in
      try Self.reserve(db)
      PointFunctions.add(to: db)
      // Random keys touch many pages a batch: fewer checkpoints, of 16 MB each, write them less often. Pages that
      // are given up are written too (`secure_delete`), so that each page of the file has a checksum.
      try db.execute(
        sql: """
          PRAGMA cache_size = -16000;
          PRAGMA wal_autocheckpoint = 4000;
          PRAGMA journal_size_limit = 67108864;
          PRAGMA secure_delete = ON;
          """)
    }
    let database = try DatabasePool(path: uri(path), configuration: configuration)
    // NORMAL, which a pool sets after `prepareDatabase`, would lose the last commits at a power loss: an
    // answer promises that they are there.
    try database.writeWithoutTransaction { try $0.execute(sql: "PRAGMA synchronous = FULL") }
    return database
  }
}
