internal import Foundation

/// A folder of our own that is gone when it is no longer needed.
final class ScratchDirectory: Sendable {
  let path: String

  /// - Throws: when the system's folder for temporary files cannot be written to.
  init(name: String) throws {
    let url = FileManager.default.temporaryDirectory
      .appendingPathComponent("\(name)-\(getpid())-\(UInt32.random(in: 0...UInt32.max))")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    path = url.path
  }

  deinit { remove() }

  func remove() { try? FileManager.default.removeItem(atPath: path) }
}
