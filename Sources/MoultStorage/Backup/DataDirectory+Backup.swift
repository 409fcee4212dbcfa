import GRDB
import MoultModel

extension DataDirectory {
  /// One state of the database, held as long as the object lives.
  func makeSnapshot() throws -> DatabaseSnapshot {
    do { return try database.makeSnapshot() } catch {
      throw MoultError.translating(error, path: databasePath)
    }
  }

  func read<Value>(_ snapshot: DatabaseSnapshot, _ body: (Database) throws -> Value) throws -> Value {
    do { return try snapshot.read(body) } catch { throw MoultError.translating(error, path: databasePath) }
  }

  /// Second names of files that a backup has pinned, relative to the data directory.
  func stagedBackupFiles() throws -> [String] {
    try fileSystem.list(absolutePath(FileNames.backups)).flatMap { backup in
      try fileSystem.list(absolutePath("\(FileNames.backups)/\(backup)"))
        .map { "\(FileNames.backups)/\(backup)/\($0)" }
    }
  }

  /// - Parameter relative: the directory of one backup.
  func removeStagedBackup(_ relative: String) throws {
    let path = absolutePath(relative)
    for name in try fileSystem.list(path) { try fileSystem.remove("\(path)/\(name)") }
    try fileSystem.removeDirectory(path)
  }

  /// Removes what backups left that were cut off. For the start: no backup may be at work.
  func removeStagedBackups() throws {
    for name in try fileSystem.list(absolutePath(FileNames.backups)) {
      try removeStagedBackup("\(FileNames.backups)/\(name)")
    }
    try KeptBackups.removeUnfinished(self)
  }
}
