import CSQLitePages
import GRDB
import MoultModel

/// Raises a database of formats 1 to 4 to one whose pages have checksums.
///
/// SQLite writes the database anew beside the old one, which stays what it was until the new one, whole and synced,
/// takes its name. A crash before leaves the old one and a part that the next start writes over.
struct DatabaseUpgrade {
  let file: DatabaseFile

  /// - Throws: `diskFull` when there is no room for a second database; nothing has changed then. Errors of SQLite.
  func run() throws {
    let (path, fileSystem) = (file.path, file.fileSystem)
    let partial = path + partialSuffix
    for suffix in ["", "-journal", "-wal", "-shm", MOULT_LOG_MARK_SUFFIX] {
      try fileSystem.remove(partial + suffix)
    }
    try copy(to: partial)
    // The new file must not be given what an old log holds.
    guard (try fileSystem.size(atPath: file.logPath) ?? 0) == 0 else {
      throw MoultError(
        .internalError,
        "\(file.logPath) is in use by another program: close it, then start again; nothing was changed")
    }
    var configuration = Configuration()
    configuration.prepareDatabase { try DatabaseFile.reserve($0) }
    let copied = try DatabaseQueue(path: file.uri(partial), configuration: configuration)
    try CatalogMigrations.migrate(copied)
    try copied.close()
    let opened = try fileSystem.open(partial, .readWrite)
    defer { fileSystem.close(opened) }
    try fileSystem.sync(opened)
    try fileSystem.rename(partial, to: path)
    try fileSystem.syncDirectory(parentDirectory(of: path))
  }

  private func copy(to partial: String) throws {
    let old = try DatabaseQueue(path: file.path)
    do {
      // Up to the format before, which its own Moult still reads if this goes no further.
      try CatalogMigrations.migrate(old, upTo: CatalogMigrations.lastPlain)
      try old.writeWithoutTransaction { db in
        _ = try db.checkpoint(.truncate)
        try requireSpace(for: db)
        let connection = db.sqliteConnection.map { UnsafeMutableRawPointer($0) }
        let code = moult_pages_reserve_in_copy(connection, MOULT_PAGE_RESERVED)
        guard code == 0 else { throw DatabaseError(resultCode: ResultCode(rawValue: code)) }
        try db.execute(sql: "VACUUM INTO ?", arguments: [file.uri(partial)])
      }
    } catch {
      try? old.close()
      throw error
    }
    try old.close()
  }

  /// The copy has as many pages as the old database, each with eight bytes less for content.
  private func requireSpace(for db: Database) throws {
    let pages = try Int.fetchOne(db, sql: "PRAGMA page_count") ?? 0
    let needed = pages * DatabaseFile.pageSize / 100 * 101 + 1 << 20
    let free = try file.fileSystem.freeBytes(at: parentDirectory(of: file.path))
    guard free >= needed else {
      throw MoultError(
        .diskFull,
        "raising \(file.path) to format \(CatalogMigrations.formatVersion) needs \(needed) bytes for a second copy, "
          + "\(free) are free; nothing was changed. Make room and start again")
    }
  }
}
