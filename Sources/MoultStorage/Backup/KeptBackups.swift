package import MoultModel

/// Backups that are kept in the data directory, in the folder `snapshots` and folders in it: `NAME`, and `NAME.sha256`
/// with its checksum and when it was made. A file has its name when all of it is on the disk.
package struct KeptBackups: Sendable {
  package static let folder = "snapshots"
  private static let checksumSuffix = ".sha256"
  private static let partialSuffix = ".partial"

  private let directory: DataDirectory
  private let path: String

  /// - Parameter folders: below ``folder``; each one name.
  package init(_ directory: DataDirectory, in folders: [String]) {
    precondition(folders.allSatisfy { !$0.isEmpty && !$0.contains("/") && !$0.hasPrefix(".") })
    self.directory = directory
    path = directory.absolutePath(([Self.folder] + folders).joined(separator: "/"))
  }

  private var fileSystem: any FileSystem { directory.fileSystem }

  /// By their names.
  package func list() throws -> [KeptBackup] {
    try fileSystem.list(path).filter { $0.hasSuffix(Self.checksumSuffix) }.compactMap { name in
      try backup(String(name.dropLast(Self.checksumSuffix.count)))
    }
  }

  /// - Returns: `nil` when there is none of that name.
  package func backup(_ name: String) throws -> KeptBackup? {
    // What comes from outside leads nowhere else.
    guard !name.isEmpty, !name.contains("/"), !name.hasPrefix("."), !name.utf8.contains(0),
      name.utf8.count < 240,
      let bytes = try fileSystem.size(atPath: "\(path)/\(name)"),
      let told = try text("\(path)/\(name)\(Self.checksumSuffix)")
    else { return nil }
    let words = told.split(whereSeparator: \.isWhitespace)
    guard words.count == 2, let createdAt = Int64(words[1]) else { return nil }
    return KeptBackup(name: name, createdAt: createdAt, bytes: bytes, checksum: String(words[0]))
  }

  /// - Returns: `false` when there is none of that name.
  package func remove(_ name: String) throws -> Bool {
    guard try backup(name) != nil else { return false }
    try fileSystem.remove("\(path)/\(name)\(Self.checksumSuffix)")
    try fileSystem.remove("\(path)/\(name)")
    try fileSystem.syncDirectory(path)
    return true
  }

  /// - Returns: `nil` when there is none of that name.
  package func open(_ name: String) throws -> Reader? {
    guard let backup = try backup(name) else { return nil }
    return Reader(backup, try fileSystem.open("\(path)/\(name)", .read), fileSystem)
  }

  private func text(_ path: String) throws -> String? {
    guard try fileSystem.size(atPath: path) != nil else { return nil }
    let file = try fileSystem.open(path, .read)
    defer { fileSystem.close(file) }
    var bytes = [UInt8](repeating: 0, count: 256)
    let count = try bytes.withUnsafeMutableBytes { try fileSystem.readAll(into: $0, from: file, at: 0) }
    return String(validating: bytes[..<count], as: UTF8.self)
  }

  /// A backup on its way to the disk. Used on one thread.
  package final class Writer: @unchecked Sendable {
    private let backups: KeptBackups
    private let name: String
    private let file: OpenFile
    private var offset = 0
    private var isDone = false

    fileprivate init(_ backups: KeptBackups, _ name: String) throws {
      self.backups = backups
      self.name = name
      try backups.fileSystem.makeDirectories(backups.path)
      file = try backups.fileSystem.open("\(backups.path)/\(name)\(KeptBackups.partialSuffix)", .create)
    }

    package func write(_ bytes: [UInt8]) throws {
      try bytes.withUnsafeBytes { try backups.fileSystem.writeAll($0, to: file, at: offset) }
      offset += bytes.count
    }

    /// Gives it its name; durable when it returns.
    package func finish(checksum: String, createdAt: Int64) throws -> KeptBackup {
      let fileSystem = backups.fileSystem
      let path = "\(backups.path)/\(name)"
      try fileSystem.sync(file)
      let told = try fileSystem.open(
        "\(path)\(KeptBackups.checksumSuffix)\(KeptBackups.partialSuffix)", .create)
      defer { fileSystem.close(told) }
      try Array("\(checksum) \(createdAt)\n".utf8).withUnsafeBytes {
        try fileSystem.writeAll($0, to: told, at: 0)
      }
      try fileSystem.sync(told)
      try fileSystem.rename("\(path)\(KeptBackups.partialSuffix)", to: path)
      try fileSystem.rename(
        "\(path)\(KeptBackups.checksumSuffix)\(KeptBackups.partialSuffix)",
        to: "\(path)\(KeptBackups.checksumSuffix)")
      try fileSystem.syncDirectory(backups.path)
      isDone = true
      return KeptBackup(name: name, createdAt: createdAt, bytes: offset, checksum: checksum)
    }

    deinit {
      backups.fileSystem.close(file)
      guard !isDone else { return }
      let path = "\(backups.path)/\(name)"
      for suffix in ["", KeptBackups.checksumSuffix] {
        try? backups.fileSystem.remove(path + suffix + KeptBackups.partialSuffix)
        try? backups.fileSystem.remove(path + suffix)
      }
    }
  }

  /// - Throws: `diskFull`; `internalError` for a name that is taken.
  package func begin(_ name: String) throws -> Writer { try Writer(self, name) }

  /// Reads a backup piece by piece; it can be read to its end though it is removed meanwhile. Used on one thread.
  package final class Reader: @unchecked Sendable {
    private static let pieceBytes = 1 << 20

    package let backup: KeptBackup
    private let file: OpenFile
    private let fileSystem: any FileSystem
    private var offset = 0

    fileprivate init(_ backup: KeptBackup, _ file: OpenFile, _ fileSystem: any FileSystem) {
      self.backup = backup
      self.file = file
      self.fileSystem = fileSystem
    }

    deinit { fileSystem.close(file) }

    /// - Returns: `nil` behind the last piece.
    package func next() throws -> [UInt8]? {
      var bytes = [UInt8](repeating: 0, count: min(Self.pieceBytes, max(0, backup.bytes - offset)))
      let count = try bytes.withUnsafeMutableBytes {
        try fileSystem.readAll(into: $0, from: file, at: offset)
      }
      offset += count
      return count > 0 ? Array(bytes[..<count]) : nil
    }
  }

  /// Removes what is left of backups that were not finished. For the start.
  static func removeUnfinished(_ directory: DataDirectory) throws {
    let (root, fileSystem) = (directory.absolutePath(folder), directory.fileSystem)
    let collections = try fileSystem.list("\(root)/collections").map { "\(root)/collections/\($0)" }
    for path in ["\(root)/full"] + collections {
      // What is no folder is not ours.
      let names = (try? fileSystem.list(path)) ?? []
      for name in names where !name.hasSuffix(checksumSuffix) && !names.contains(name + checksumSuffix) {
        try fileSystem.remove("\(path)/\(name)")
      }
    }
  }
}
