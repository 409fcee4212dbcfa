import MoultCompute
import MoultModel
import MoultStorage

/// A backup on its way into the data directory. Used on one thread.
final class RunningRestore: @unchecked Sendable {
  typealias Loaded = (restored: BackupTarget.Restored, collection: Collection)

  let target: BackupTarget
  private var decoder: BackupDecoder

  init(_ target: BackupTarget) {
    self.target = target
    decoder = BackupDecoder(into: target)
  }

  func read(_ bytes: [UInt8]) throws { try bytes.withUnsafeBytes { try decoder.read($0) } }

  /// Names the files in the catalog, once the whole backup is known to be sound, and opens all collections as a start
  /// would: what cannot be opened is not restored.
  ///
  /// - Returns: collections that nobody can ask for yet.
  func finish(_ loader: CollectionLoader) throws -> [Loaded] {
    _ = try decoder.finish()
    let loaded = try target.attach().map { restored -> Loaded in
      var record = restored.record
      record.state = .live
      do { return (restored, try loader.load(record)) } catch let error as DecodingError {
        throw MoultError(.corrupted, "collection '\(restored.source)' cannot be opened: \(error)")
      }
    }
    Collection.join(loaded.map(\.collection))
    return loaded
  }
}
