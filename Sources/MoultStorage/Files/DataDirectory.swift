package import GRDB
import Glibc
import MoultModel
import Synchronization

/// Everything that Moult keeps, in one directory:
///
/// ```
/// LOCK                    held while a process uses the directory; holds its pid
/// moult.sqlite            catalog, points, jobs; beside it its log, -wal, and how far that was synced, -mark
/// embeddings/<n>.log      vectors that models have made of texts, see `EmbeddingLog`
/// embeddings.sqlite       where each of them is, see `EmbeddingCache`
/// collections/<id>/…      segment files, see `FileNames`
/// imports/<job>.staged    points of imports that are not visible yet, see `StagedPoints`
/// backups/<number>/…      second names of files while a backup reads them; removed at the start
/// snapshots/…             backups that are kept, see `KeptBackups`
/// ```
package final class DataDirectory: Sendable {
  package let path: String
  package let database: DatabasePool
  package let catalog: Catalog
  package let fileSystem: any FileSystem
  /// Runs a write transaction to its end, perhaps on another thread.
  package typealias WriteRunner = @Sendable (_ transaction: () throws -> Void) throws -> Void

  private let writeRunner: WriteRunner
  let file: DatabaseFile
  private let lock: OpenFile
  private let isClosed = Mutex(false)

  /// Opens the directory, makes it when it is missing, and holds it until `close()`.
  ///
  /// - Parameters:
  ///   - readers: connections that read at the same time.
  ///   - comparesPages: `false` for a database whose checksums are not compared: the broken twin of one that
  ///     compares them.
  ///   - writeRunner: of the write transactions that block their thread. There is one writer, and all others wait
  ///     for it: a thread that others must not wait for should not be it.
  /// - Throws: `dataDirectoryInUse` naming the process; `unsupportedVersion` when a newer Moult wrote it;
  ///   `corrupted` when the database is not one or its log is damaged; `diskFull` when raising it needs more room.
  package init(
    path: String, fileSystem: any FileSystem = POSIXFileSystem(), catalog: Catalog = Catalog(),
    readers: Int = 8, comparesPages: Bool = true, writeRunner: @escaping WriteRunner = { try $0() }
  ) throws {
    try fileSystem.makeDirectories(path)
    try fileSystem.makeDirectories("\(path)/\(FileNames.collections)")
    let lock = try acquireLock("\(path)/LOCK")
    let file = DatabaseFile(
      path: "\(path)/\(FileNames.database)", fileSystem: fileSystem, comparesChecksums: comparesPages)
    do {
      let hasFiles = try fileSystem.list("\(path)/\(FileNames.collections)").contains {
        try !fileSystem.list("\(path)/\(FileNames.collections)/\($0)").isEmpty
      }
      self.database = try file.open(readers: readers, isExpected: hasFiles)
      try fileSystem.syncDirectory(path)
    } catch {
      releaseLock(lock)
      throw MoultError.translating(error, path: file.path)
    }
    self.file = file
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

  package var databasePath: String { file.path }

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
