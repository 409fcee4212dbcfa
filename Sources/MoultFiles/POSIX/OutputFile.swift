import Glibc
package import MoultModel

/// A file that appears under its name only when it is complete.
///
/// Bytes go to `path.partial`; ``commit()`` syncs it and renames it. What is not committed is removed. Two
/// processes that write the same path do not mix: the second one is refused.
package struct OutputFile: ~Copyable {
  package let path: String
  private let partialPath: String
  private let overwrites: Bool
  private var descriptor: Int32
  private var buffer: [UInt8] = []

  private static let bufferSizeBytes = 1 << 20

  /// - Parameter force: replace a file that is there already.
  /// - Throws: `invalidArgument` if there is one and `force` is false.
  package init(path: String, force: Bool = false) throws(MoultError) {
    self.path = path
    partialPath = path + ".partial"
    overwrites = force
    descriptor = -1
    guard force || access(path, F_OK) != 0 else { throw Self.exists(path) }
    descriptor = try Self.openLocked(partialPath)
    buffer.reserveCapacity(Self.bufferSizeBytes)
  }

  deinit {
    guard descriptor >= 0 else { return }
    unlink(partialPath)
    close(descriptor)
  }

  /// Opens and empties a file that no other process writes, whatever an earlier one left there.
  private static func openLocked(_ path: String) throws(MoultError) -> Int32 {
    while true {
      let descriptor = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0o644)
      guard descriptor >= 0 else { throw failure("cannot create", path) }
      // File systems without locks answer with other errors; there two exports at once are the user's risk.
      guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK else {
        close(descriptor)
        throw MoultError(.invalidArgument, "'\(path)': another process is writing this file")
      }
      var opened = stat()
      var named = stat()
      // Between opening and locking its owner may have renamed it: then it is a finished file, not ours to
      // empty. A second link is what is left of a crash in `commit`.
      if fstat(descriptor, &opened) == 0, lstat(path, &named) == 0, opened.st_ino == named.st_ino {
        guard opened.st_mode & S_IFMT == S_IFREG else {
          close(descriptor)
          throw MoultError(.invalidArgument, "'\(path)': expected a regular file or none, found another kind")
        }
        if opened.st_nlink == 1 && ftruncate(descriptor, 0) == 0 { return descriptor }
        unlink(path)
      }
      close(descriptor)
    }
  }

  /// Appends bytes.
  package mutating func write(_ bytes: UnsafeRawBufferPointer) throws(MoultError) {
    if buffer.count + bytes.count > Self.bufferSizeBytes { try flush() }
    if bytes.count > Self.bufferSizeBytes {
      try writeAll(bytes)
    } else {
      buffer.append(contentsOf: bytes)
    }
  }

  package mutating func write(_ bytes: [UInt8]) throws(MoultError) {
    try bytes.withUnsafeBufferPointer { bytes throws(MoultError) in try write(UnsafeRawBufferPointer(bytes)) }
  }

  /// Replaces bytes that were written before.
  package mutating func rewrite(_ bytes: [UInt8], at offset: Int) throws(MoultError) {
    try flush()
    guard pwrite(descriptor, bytes, bytes.count, offset) == bytes.count else {
      throw Self.failure("cannot write", partialPath)
    }
  }

  /// Makes the file durable and gives it its name. To be called once, after the last byte.
  package mutating func commit() throws(MoultError) {
    try flush()
    guard fsync(descriptor) == 0 else { throw Self.failure("cannot sync", partialPath) }
    if overwrites {
      guard rename(partialPath, path) == 0 else { throw Self.failure("cannot create", path) }
    } else {
      try linkToPath()
    }
    close(descriptor)
    descriptor = -1
    syncDirectory()
  }

  /// Renames without ever replacing: `link` fails where `rename` would overwrite.
  private func linkToPath() throws(MoultError) {
    if link(partialPath, path) == 0 {
      unlink(partialPath)
      return
    }
    guard errno != EEXIST else { throw Self.exists(path) }
    // Some file systems have no links; there is nothing better than to look first.
    guard access(path, F_OK) != 0 else { throw Self.exists(path) }
    guard rename(partialPath, path) == 0 else { throw Self.failure("cannot create", path) }
  }

  /// Makes the name durable too. Failure is not reported: the file is complete either way.
  private func syncDirectory() {
    let folder = path.lastIndex(of: "/").map { String(path[...$0]) } ?? "."
    let directory = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard directory >= 0 else { return }
    fsync(directory)
    close(directory)
  }

  private mutating func flush() throws(MoultError) {
    try buffer.withUnsafeBufferPointer { bytes throws(MoultError) in
      try writeAll(UnsafeRawBufferPointer(bytes))
    }
    buffer.removeAll(keepingCapacity: true)
  }

  private func writeAll(_ bytes: UnsafeRawBufferPointer) throws(MoultError) {
    var done = 0
    while done < bytes.count {
      let count = Glibc.write(descriptor, bytes.baseAddress! + done, bytes.count - done)
      if count < 0 && errno == EINTR { continue }
      guard count >= 0 else { throw Self.failure("cannot write", partialPath) }
      done += count
    }
  }

  private static func exists(_ path: String) -> MoultError {
    MoultError(.invalidArgument, "'\(path)' exists already; choose another name or overwrite it with --force")
  }

  static func failure(_ what: String, _ path: String, _ number: Int32 = errno) -> MoultError {
    let code: MoultError.Code = number == ENOSPC || number == EDQUOT ? .diskFull : .invalidArgument
    return MoultError(code, "\(what) '\(path)': \(String(cString: strerror(number)))")
  }
}
