public import Foundation

/// A directory of its own for one test, removed when the object goes.
public final class TemporaryDirectory: Sendable {
  public let path: String

  /// - Parameter inMemory: where the system offers that: for faults that are simulated, when the syncs of thousands
  ///   of rounds would be slow.
  public init(inMemory: Bool = false) {
    let memory = "/dev/shm"
    let parent =
      inMemory && FileManager.default.isWritableFile(atPath: memory)
      ? URL(fileURLWithPath: memory) : FileManager.default.temporaryDirectory
    let url = parent.appendingPathComponent("moult-test-\(UUID().uuidString)")
    // A test cannot go on without its directory.
    try! FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    path = url.path
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  public var url: URL { URL(fileURLWithPath: path) }

  /// Every regular file below the directory, relative, sorted.
  public func files() -> [String] {
    let enumerator = FileManager.default.enumerator(atPath: path)
    return (enumerator?.allObjects as? [String] ?? []).filter { relative in
      var isDirectory = ObjCBool(false)
      return FileManager.default.fileExists(atPath: "\(path)/\(relative)", isDirectory: &isDirectory)
        && !isDirectory.boolValue
    }.sorted()
  }
}
