import CSQLitePages
import GRDB
package import MoultModel

/// Holds every page of a database against its checksum, past SQLite and its caches.
struct DatabaseCheck {
  /// Never used by SQLite: the byte at 1 GiB in it is for locks.
  private static let lockPage = UInt32(0x4000_0000 / DatabaseFile.pageSize + 1)

  let path: String
  /// Pages of the database.
  let pageCount: UInt32
  /// Pages whose newest content only the log holds: what the main file has of them does not count.
  let superseded: Set<UInt32>
  /// Names of tables and indexes by their first page.
  let names: [UInt32: String]
  /// Reads a page; `false` when the file has less.
  let read: (_ number: UInt32, _ page: inout [UInt8]) throws -> Bool

  /// - Returns: one error a damaged page, naming file, place and, where a sound page leads to it, its table.
  func run() throws -> [MoultError] {
    var page = [UInt8](repeating: 0, count: DatabaseFile.pageSize)
    var damaged: [UInt32] = []
    var parents: [UInt32: UInt32] = [:]
    for number in 1...max(1, pageCount) where number != Self.lockPage && !superseded.contains(number) {
      if try read(number, &page), moult_page_is_sound(page, number) {
        for child in Self.children(of: page, number: number) { parents[child] = number }
      } else {
        damaged.append(number)
      }
    }
    return damaged.map { number in
      var root = number
      // A tree of SQLite has at most 20 levels; damage must not lead in circles.
      for _ in 0..<20 where names[root] == nil { root = parents[root] ?? root }
      return .damagedPage(
        path, at: Int(number - 1) * DatabaseFile.pageSize,
        owner: number == 1 ? "the schema" : names[root])
    }
  }

  /// Pages below an inner page of a tree; empty for other pages.
  ///
  /// https://www.sqlite.org/fileformat2.html#b_tree_pages
  private static func children(of page: [UInt8], number: UInt32) -> [UInt32] {
    let header = number == 1 ? 100 : 0
    guard [2, 5].contains(page[header]) else { return [] }
    func half(_ place: Int) -> Int { Int(page[place]) << 8 | Int(page[place + 1]) }
    func pointer(_ place: Int) -> UInt32 { UInt32(half(place)) << 16 | UInt32(half(place + 2)) }
    let cells = (0..<half(header + 3)).lazy.map { header + 12 + 2 * $0 }.prefix { $0 + 2 <= page.count }
    return [pointer(header + 8)] + cells.map(half).filter { $0 + 4 <= page.count }.map(pointer)
  }
}

extension DataDirectory {
  /// Damage to the database's main file and its log, each with the file's path.
  ///
  /// Nothing is written meanwhile, so that no page is looked at while it changes. Pages that are still in the log are
  /// held against their checksums in both places, except where a reader of an older state has kept the log from being
  /// taken over.
  func databaseDamage() throws -> [(path: String, error: MoultError)] {
    try database.writeWithoutTransaction { db in
      // What the log holds may overlie damage in the main file, to be met when the log is begun anew.
      let takenOver = (try? db.checkpoint(.passive))?.checkpointedFrameCount ?? 0
      let log = try WriteAheadLog(of: file)
      let names = (try? Self.names(in: db)) ?? [:]
      let size = try fileSystem.size(atPath: file.path) ?? 0
      let pageCount = try? UInt32.fetchOne(db, sql: "PRAGMA page_count")
      let check = DatabaseCheck(
        path: file.path, pageCount: pageCount ?? UInt32(clamping: size / DatabaseFile.pageSize),
        superseded: log.pages(takenOver: max(0, takenOver)), names: names
      ) { number, page in
        let code = moult_pages_read(db.sqliteConnection.map { UnsafeMutableRawPointer($0) }, number, &page)
        return code == 0
      }
      return (log.damage.map { [(file.logPath, $0)] } ?? []) + (try check.run().map { (file.path, $0) })
    }
  }

  private static func names(in db: Database) throws -> [UInt32: String] {
    let rows = try Row.fetchAll(db, sql: "SELECT rootpage, name FROM sqlite_schema WHERE rootpage > 0")
    return Dictionary(rows.map { ($0[0], $0[1]) }) { first, _ in first }
  }

  /// Damage to the database of a directory that cannot be opened for it.
  ///
  /// - Parameter path: of the directory; nobody may be using it.
  /// - Returns: one error a damaged page or log; empty when the pages are sound or have no checksums.
  package static func databaseDamage(
    inDirectory path: String, fileSystem: any FileSystem = POSIXFileSystem()
  ) throws -> [MoultError] {
    let database = DatabaseFile(path: "\(path)/\(FileNames.database)", fileSystem: fileSystem)
    let log = try WriteAheadLog(of: database)
    let size = try fileSystem.size(atPath: database.path) ?? 0
    // A file whose header is damaged counts as one with checksums, as all are by now.
    guard size > 0, (try? database.form()) != .plain else { return log.damage.map { [$0] } ?? [] }
    let file = try fileSystem.open(database.path, .read)
    defer { fileSystem.close(file) }
    let check = DatabaseCheck(
      path: database.path,
      pageCount: UInt32(clamping: (size + DatabaseFile.pageSize - 1) / DatabaseFile.pageSize),
      superseded: log.pages(), names: [:]
    ) { number, page in
      try page.withUnsafeMutableBytes {
        try fileSystem.readAll(into: $0, from: file, at: Int(number - 1) * DatabaseFile.pageSize) == $0.count
      }
    }
    return (log.damage.map { [$0] } ?? []) + (try check.run())
  }
}
