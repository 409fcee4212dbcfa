import CSQLitePages
import Glibc
import MoultModel
package import MoultStorage
import Synchronization

/// The real file system, except that one call that changes something goes wrong: one of Moult's, or of SQLite's.
package final class FaultyFileSystem: FileSystem {
  package enum Fault: Sendable, CaseIterable {
    /// The call fails with ENOSPC; later ones succeed.
    case diskFull
    /// The call fails with EIO; later ones succeed.
    case brokenDisk
    /// A write writes half and says so; other calls succeed.
    case shortWrite
    /// A write writes half and fails with ENOSPC; other calls fail likewise, having done nothing.
    case tornWrite
    /// This call and all after it fail, having done nothing: as if the process had been killed.
    case death
    /// A write reports success and does nothing: no disk that one could build on. For controls only.
    case lostWrite

    /// What a disk may do.
    package static let allCases: [Fault] = [.diskFull, .brokenDisk, .shortWrite, .tornWrite, .death]
  }

  private struct State {
    var calls = 0
    var failed = false
  }

  private let base = POSIXFileSystem()
  package let fault: Fault
  /// The number of the call that goes wrong, from 0; `nil` for none.
  private let faultyCall: Int?
  /// What `freeBytes(at:)` says; `nil` for the truth.
  private let freeBytes: Int?
  /// Where the database is whose calls are counted, and not Moult's own.
  private let databaseDirectory: String?
  private let state = Mutex(State())

  package init(_ fault: Fault = .death, atCall faultyCall: Int?, freeBytes: Int? = nil) {
    self.fault = fault
    self.faultyCall = faultyCall
    self.freeBytes = freeBytes
    databaseDirectory = nil
  }

  /// Counts the calls with which SQLite changes its own files: database, log and its index, mark, journal.
  ///
  /// - Parameter directory: of the data; the database in it is opened later.
  package init(_ fault: Fault = .death, atDatabaseCall faultyCall: Int?, in directory: String) {
    self.fault = fault
    self.faultyCall = faultyCall
    freeBytes = nil
    databaseDirectory = FaultyDatabases.fullPath(directory)
    FaultyDatabases.add(self, in: databaseDirectory!)
  }

  package var failsSQLite: Bool { databaseDirectory != nil }

  /// Lets SQLite's files be as they are again.
  package func letDatabaseBe() { databaseDirectory.map(FaultyDatabases.remove) }

  /// Whether the call that goes wrong was reached.
  package var hasFailed: Bool { state.withLock { $0.failed } }
  /// Calls so far.
  package var callCount: Int { state.withLock { $0.calls } }

  /// What becomes of a call of SQLite.
  fileprivate func databaseFault(isWrite: Bool) -> moult_fault {
    guard countsAndFails() else { return MOULT_FAULT_NONE }
    return switch fault {
    // SQLite tries the rest of a short write itself, and reports a full disk where that fails.
    case .shortWrite: isWrite ? MOULT_FAULT_TORN : MOULT_FAULT_NONE
    case .tornWrite: isWrite ? MOULT_FAULT_TORN : MOULT_FAULT_FULL
    case .lostWrite: isWrite ? MOULT_FAULT_LOST : MOULT_FAULT_NONE
    case .brokenDisk, .death: MOULT_FAULT_BROKEN
    case .diskFull: MOULT_FAULT_FULL
    }
  }

  private func countsAndFails() -> Bool {
    state.withLock { state in
      defer { state.calls += 1 }
      let isFaulty = state.calls == faultyCall || (fault == .death && state.failed)
      if isFaulty { state.failed = true }
      return isFaulty
    }
  }

  /// Counts a call; throws if it is to fail.
  ///
  /// - Returns: whether it is the faulty one and a write that has to do half of its work.
  private func count(_ path: String, isWrite: Bool = false) throws -> Bool {
    if databaseDirectory != nil {
      // A process that was killed changes nothing else either.
      if fault == .death, hasFailed { throw MoultError.system(EIO, "use", path) }
      return false
    }
    guard countsAndFails() else { return false }
    switch fault {
    case .shortWrite, .lostWrite: return isWrite
    case .tornWrite where isWrite: return true
    case .brokenDisk, .death: throw MoultError.system(EIO, "use", path)
    case .diskFull, .tornWrite: throw MoultError.system(ENOSPC, "use", path)
    }
  }

  package func open(_ path: String, _ mode: OpenMode) throws -> OpenFile {
    if case .create = mode { _ = try count(path) }
    return try base.open(path, mode)
  }

  package func close(_ file: OpenFile) { base.close(file) }

  package func write(_ bytes: UnsafeRawBufferPointer, to file: OpenFile, at offset: Int) throws -> Int {
    guard try count(file.path, isWrite: true) else { return try base.write(bytes, to: file, at: offset) }
    if fault == .lostWrite { return bytes.count }
    let half = UnsafeRawBufferPointer(rebasing: bytes[..<((bytes.count + 1) / 2)])
    let written = try base.write(half, to: file, at: offset)
    if fault == .tornWrite { throw MoultError.system(ENOSPC, "write to", file.path) }
    return written
  }

  package func read(into bytes: UnsafeMutableRawBufferPointer, from file: OpenFile, at offset: Int) throws
    -> Int
  {
    try base.read(into: bytes, from: file, at: offset)
  }

  package func size(of file: OpenFile) throws -> Int { try base.size(of: file) }

  package func resize(_ file: OpenFile, to sizeBytes: Int) throws {
    _ = try count(file.path)
    try base.resize(file, to: sizeBytes)
  }

  package func sync(_ file: OpenFile) throws {
    _ = try count(file.path)
    try base.sync(file)
  }

  package func syncData(_ file: OpenFile) throws {
    _ = try count(file.path)
    try base.syncData(file)
  }

  package func rename(_ path: String, to target: String) throws {
    _ = try count(path)
    try base.rename(path, to: target)
  }

  package func link(_ path: String, to target: String) throws {
    _ = try count(path)
    try base.link(path, to: target)
  }

  package func remove(_ path: String) throws {
    _ = try count(path)
    try base.remove(path)
  }

  package func makeDirectory(_ path: String) throws {
    _ = try count(path)
    try base.makeDirectory(path)
  }

  package func removeDirectory(_ path: String) throws {
    _ = try count(path)
    try base.removeDirectory(path)
  }

  package func syncDirectory(_ path: String) throws {
    _ = try count(path)
    try base.syncDirectory(path)
  }

  package func list(_ path: String) throws -> [String] { try base.list(path) }
  package func size(atPath path: String) throws -> Int? { try base.size(atPath: path) }
  package func freeBytes(at path: String) throws -> Int { try freeBytes ?? base.freeBytes(at: path) }
}

/// Which disks the databases of this process lie on.
private enum FaultyDatabases {
  /// By the full path of the data directory.
  private static let disks = Mutex<[String: FaultyFileSystem]>([:])

  static func add(_ disk: FaultyFileSystem, in directory: String) {
    disks.withLock { $0[directory] = disk }
    moult_pages_set_fault_hook { file, isWrite in FaultyDatabases.fault(file, isWrite) }
  }

  static func remove(_ directory: String) { disks.withLock { $0[directory] = nil } }

  private static func fault(_ file: UnsafePointer<CChar>?, _ isWrite: Bool) -> moult_fault {
    guard let file else { return MOULT_FAULT_NONE }
    let path = String(cString: file)
    guard let end = path.lastIndex(of: "/") else { return MOULT_FAULT_NONE }
    let disk = disks.withLock { $0[String(path[..<end])] }
    return disk?.databaseFault(isWrite: isWrite) ?? MOULT_FAULT_NONE
  }

  /// SQLite opens files by their full names, without symbolic links.
  static func fullPath(_ directory: String) -> String {
    guard let full = realpath(directory, nil) else { return directory }
    defer { free(full) }
    return String(cString: full)
  }
}
