package import GRDB
import Glibc
import MoultModel
import Synchronization

/// Everything that Moult keeps, in one directory:
///
/// ```
/// LOCK                    held while a process uses the directory; holds its pid
/// moult.sqlite            catalog, points, jobs
/// collections/<id>/…      segment files, see `FileNames`
/// ```
package final class DataDirectory: Sendable {
  package let path: String
  package let database: DatabasePool
  package let catalog: Catalog
  package let fileSystem: any FileSystem
  /// Runs a write transaction to its end, perhaps on another thread.
  package typealias WriteRunner = @Sendable (_ transaction: () throws -> Void) throws -> Void

  private let writeRunner: WriteRunner
  private let lock: OpenFile
  private let isClosed = Mutex(false)

  /// Opens the directory, makes it when it is missing, and holds it until `close()`.
  ///
  /// - Parameters:
  ///   - readers: connections that read at the same time.
  ///   - writeRunner: of the write transactions that block their thread. There is one writer, and all others wait
  ///     for it: a thread that others must not wait for should not be it.
  /// - Throws: `dataDirectoryInUse` naming the process; `unsupportedVersion` when a newer Moult wrote it;
  ///   `corrupted` when the database is not one.
  package init(
    path: String, fileSystem: any FileSystem = POSIXFileSystem(), catalog: Catalog = Catalog(),
    readers: Int = 8, writeRunner: @escaping WriteRunner = { try $0() }
  ) throws {
    try fileSystem.makeDirectories(path)
    try fileSystem.makeDirectories("\(path)/\(FileNames.collections)")
    let lock = try acquireLock("\(path)/LOCK")
    let file = "\(path)/moult.sqlite"
    do {
      try requireReadableVersion(file, fileSystem)
      let database = try openDatabase(file, readers: readers)
      try CatalogMigrations.migrate(database)
      try fileSystem.syncDirectory(path)
      self.database = database
    } catch {
      releaseLock(lock)
      throw MoultError.translating(error, path: file)
    }
    self.path = path
    self.fileSystem = fileSystem
    self.catalog = catalog
    self.writeRunner = writeRunner
    self.lock = lock
  }

  deinit { close() }

  /// Gives the directory back. Nothing may use it afterwards.
  package func close() {
    isClosed.withLock { isClosed in
      guard !isClosed else { return }
      isClosed = true
      // What lies in the log has no second copy, and damage to a frame of it ends the log: a stop leaves none behind.
      _ = try? database.writeWithoutTransaction { try $0.checkpoint(.truncate) }
      try? database.close()
      releaseLock(lock)
    }
  }

  // MARK: Transactions

  /// One read transaction: all of `body` sees one state. SQLite's errors come out as `MoultError`.
  package func read<Value>(_ body: (Database) throws -> Value) throws -> Value {
    do { return try database.read(body) } catch { throw MoultError.translating(error, path: databasePath) }
  }

  /// One write transaction: all of `body` is durable when this returns, or nothing of it when it throws.
  package func write<Value>(_ body: (Database) throws -> Value) throws -> Value {
    do {
      var value: Value?
      try writeRunner { value = try database.write(body) }
      return value!
    } catch { throw MoultError.translating(error, path: databasePath) }
  }

  /// `read` without blocking the thread.
  package func read<Value: Sendable>(
    _ body: @escaping @Sendable (Database) throws -> Value
  ) async throws -> Value {
    do { return try await database.read(body) } catch {
      throw MoultError.translating(error, path: databasePath)
    }
  }

  /// `write` without blocking the thread.
  package func write<Value: Sendable>(
    _ body: @escaping @Sendable (Database) throws -> Value
  ) async throws -> Value {
    do { return try await database.write(body) } catch {
      throw MoultError.translating(error, path: databasePath)
    }
  }

  // MARK: Files

  package var databasePath: String { "\(path)/moult.sqlite" }

  /// - Parameter relative: as the catalog stores it.
  package func absolutePath(_ relative: String) -> String { "\(path)/\(relative)" }

  package func directory(ofCollection id: Int64) -> String {
    absolutePath(FileNames.directory(ofCollection: id))
  }

  /// Removes files that the catalog no longer names. Those that are absent are fine; a mapping of a
  /// removed file stays valid.
  package func removeFiles(_ relativePaths: [String]) throws {
    for relative in relativePaths { try fileSystem.remove(absolutePath(relative)) }
  }

  /// Removes the files of a segment that the catalog does not have.
  package func removeFiles(ofSegment segment: Int64, collection: Int64) throws {
    let directory = directory(ofCollection: collection)
    for name in try fileSystem.list(directory) where name.hasPrefix(FileNames.prefix(ofSegment: segment)) {
      try fileSystem.remove("\(directory)/\(name)")
    }
  }

  /// Removes all files of a collection that the catalog no longer has.
  package func removeFiles(ofCollection id: Int64) throws {
    let directory = directory(ofCollection: id)
    for name in try fileSystem.list(directory) { try fileSystem.remove("\(directory)/\(name)") }
    try fileSystem.removeDirectory(directory)
  }
}

/// Looks at an existing database without changing it.
private func requireReadableVersion(_ file: String, _ fileSystem: any FileSystem) throws {
  guard let size = try fileSystem.size(atPath: file), size > 0 else { return }
  var configuration = Configuration()
  configuration.readonly = true
  let database = try DatabaseQueue(path: file, configuration: configuration)
  try database.read { try CatalogMigrations.requireReadableVersion($0, path: file) }
  try database.close()
}

private func openDatabase(_ file: String, readers: Int) throws -> DatabasePool {
  var configuration = Configuration()
  configuration.label = "moult"
  configuration.maximumReaderCount = readers
  configuration.busyMode = .timeout(10)
  configuration.foreignKeysEnabled = true
  configuration.prepareDatabase { db in
    // Random keys touch many pages a batch: fewer checkpoints, of 16 MB each, write them less often.
    try db.execute(
      sql: """
        PRAGMA cache_size = -16000;
        PRAGMA wal_autocheckpoint = 4000;
        PRAGMA journal_size_limit = 67108864;
        """)
  }
  let database = try DatabasePool(path: file, configuration: configuration)
  // NORMAL, which a pool sets after `prepareDatabase`, would lose the last commits at a power loss: an
  // answer promises that they are there.
  try database.writeWithoutTransaction { try $0.execute(sql: "PRAGMA synchronous = FULL") }
  return database
}

/// Unlocks before closing: a child process that is being started at this moment holds a copy of the descriptor,
/// and with it the lock, until it has begun its own program.
private func releaseLock(_ lock: OpenFile) {
  flock(lock.descriptor, LOCK_UN)
  close(lock.descriptor)
}

/// Takes the lock and writes our pid into it. The kernel gives it back when the process dies, however.
private func acquireLock(_ path: String) throws -> OpenFile {
  let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
  guard descriptor >= 0 else { throw MoultError.system(errno, "open", path) }
  guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
    let code = errno
    var bytes = [UInt8](repeating: 0, count: 32)
    let count = pread(descriptor, &bytes, bytes.count, 0)
    close(descriptor)
    guard code == EWOULDBLOCK else { throw MoultError.system(code, "lock", path) }
    let holder = String(
      decoding: bytes.prefix(max(0, count)).prefix { (0x30...0x39).contains($0) }, as: UTF8.self)
    throw MoultError(
      .dataDirectoryInUse,
      "the data directory \(parentDirectory(of: path)) is in use by process "
        + "\(holder.isEmpty ? "(unknown)" : holder): stop it, or use another data directory")
  }
  let text = "\(getpid())\n"
  guard ftruncate(descriptor, 0) == 0, pwrite(descriptor, text, text.utf8.count, 0) == text.utf8.count else {
    let code = errno
    close(descriptor)
    throw MoultError.system(code, "write to", path)
  }
  return OpenFile(descriptor: descriptor, path: path)
}
