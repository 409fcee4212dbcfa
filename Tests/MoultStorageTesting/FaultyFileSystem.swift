import Glibc
import MoultModel
package import MoultStorage
import Synchronization

/// The real file system, except that one call that changes something goes wrong.
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
  private let state = Mutex(State())

  package init(_ fault: Fault = .death, atCall faultyCall: Int?, freeBytes: Int? = nil) {
    self.fault = fault
    self.faultyCall = faultyCall
    self.freeBytes = freeBytes
  }

  /// Whether the call that goes wrong was reached.
  package var hasFailed: Bool { state.withLock { $0.failed } }

  /// Counts a call; throws if it is to fail.
  ///
  /// - Returns: whether it is the faulty one and a write that has to do half of its work.
  private func count(_ path: String, isWrite: Bool = false) throws -> Bool {
    let isFaulty = state.withLock { state in
      defer { state.calls += 1 }
      let isFaulty = state.calls == faultyCall || (fault == .death && state.failed)
      if isFaulty { state.failed = true }
      return isFaulty
    }
    guard isFaulty else { return false }
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
