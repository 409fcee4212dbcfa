import Crypto
import Foundation
package import MoultModel
import MoultStorage

/// Where the data directory keeps a backup.
package enum BackupShelf: Sendable, Equatable {
  /// Backups of all collections.
  case everything
  /// Of one collection of this name; they stay when it goes.
  case collection(String)
}

/// Backups that the server keeps beside its data, until somebody takes or removes them.
extension Engine {
  private func kept(_ shelf: BackupShelf) -> KeptBackups {
    switch shelf {
    case .everything: KeptBackups(resources.directory, in: ["full"])
    case .collection(let name): KeptBackups(resources.directory, in: ["collections", name])
    }
  }

  /// Makes a backup, as ``startBackup(of:)``, and keeps it. Durable when it returns.
  ///
  /// - Throws: as ``startBackup(of:)``; `diskFull`. Nothing is left then.
  package func keepBackup(on shelf: BackupShelf, as name: String) async throws -> KeptBackup {
    let names: [String] = if case .collection(let name) = shelf { [name] } else { [] }
    let backup = try await startBackup(of: names)
    let pool = ComputePool(name: "snapshot", threadCount: 1)
    defer { pool.close() }
    let kept = kept(shelf)
    let writer = try await pool.run { try kept.begin(name) }
    var hash = SHA256()
    while let bytes = try await backup.next() {
      hash.update(data: bytes)
      try await pool.run { try writer.write(bytes) }
    }
    let checksum = hash.finalize().map { String(UInt32($0) + 256, radix: 16).dropFirst() }.joined()
    return try await pool.run {
      try writer.finish(checksum: checksum, createdAt: Int64(Date().timeIntervalSince1970 * 1_000))
    }
  }

  /// By their names.
  package func keptBackups(on shelf: BackupShelf) async throws -> [KeptBackup] {
    let kept = kept(shelf)
    return try await resources.writing.run { try kept.list() }
  }

  /// - Returns: `nil` when there is none of that name.
  package func keptBackup(_ name: String, on shelf: BackupShelf) async throws -> KeptBackupChunks? {
    let kept = kept(shelf)
    return try await resources.writing.run { try kept.open(name) }.map { KeptBackupChunks(reader: $0) }
  }

  /// - Returns: `false` when there is none of that name.
  package func removeKeptBackup(_ name: String, from shelf: BackupShelf) async throws -> Bool {
    let kept = kept(shelf)
    return try await resources.writing.run { try kept.remove(name) }
  }
}

/// The bytes of a kept backup, about a megabyte at a time.
package struct KeptBackupChunks: AsyncSequence, Sendable {
  package typealias Element = [UInt8]
  fileprivate let reader: KeptBackups.Reader

  package var backup: KeptBackup { reader.backup }

  package struct AsyncIterator: AsyncIteratorProtocol {
    fileprivate let reader: KeptBackups.Reader
    private let pool = Pool()

    fileprivate init(_ reader: KeptBackups.Reader) { self.reader = reader }

    /// Reads block: on a thread of their own.
    private final class Pool: Sendable {
      let pool = ComputePool(name: "snapshot", threadCount: 1)
      deinit { pool.close() }
    }

    package mutating func next() async throws -> [UInt8]? {
      try await pool.pool.run { [reader] in try reader.next() }
    }
  }

  /// For one pass.
  package func makeAsyncIterator() -> AsyncIterator { AsyncIterator(reader) }
}
