package import MoultModel
import MoultStorage

/// A backup that is being read: its bytes, piece by piece, as fast as somebody takes them.
///
/// Files stay pinned and the database's state is held until it is at its end or let go.
package final class RunningBackup: @unchecked Sendable {
  /// Used on the pool's one thread only.
  private let source: BackupSource
  private let pool: ComputePool
  private let slot: BackupSlots.Slot

  /// Bytes of the files in it; rows of points come on top.
  package let fileBytes: Int

  init(_ source: BackupSource, pool: ComputePool, slot: BackupSlots.Slot) {
    self.slot = slot
    self.source = source
    self.pool = pool
    fileBytes = source.fileBytes
  }

  deinit { pool.close() }

  /// The next bytes, about a megabyte; `nil` behind the last.
  ///
  /// - Throws: `corrupted` naming a damaged file. Whoever has sent bytes already sends `ending` then.
  package func next() async throws -> [UInt8]? {
    try await pool.run { [self] in try source.next() }
  }

  /// What tells the receiver why no more comes.
  package static func ending(_ error: any Error) -> [UInt8] { BackupSource.failure(error) }
}

/// Checks a backup without a server, as its bytes come.
package struct BackupCheck {
  private var decoder = BackupDecoder()

  package init() {}

  package var byteCount: Int { decoder.byteCount }

  /// - Throws: `corrupted` naming entry and place, `unsupportedVersion`, what ended a backup half-way.
  package mutating func read(_ bytes: UnsafeRawBufferPointer) throws { try decoder.read(bytes) }

  /// - Throws: `corrupted` unless all of it has come.
  package mutating func finish() throws -> BackupSummary { try decoder.finish() }
}
