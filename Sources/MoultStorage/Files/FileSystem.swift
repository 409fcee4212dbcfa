/// A file that is open. Whoever opened it closes it.
package struct OpenFile: Sendable {
  package let descriptor: Int32
  package let path: String

  package init(descriptor: Int32, path: String) {
    self.descriptor = descriptor
    self.path = path
  }
}

package enum OpenMode: Sendable {
  case read
  case readWrite
  /// A new, empty file; one that exists already is an error.
  case create
}

/// The system calls that storage makes on segment files, so that a test can let any of them fail.
///
/// SQLite's own files do not go through it. Failures are `MoultError`s: `diskFull` when there is no room,
/// `internalError` with the system's text otherwise; each names the path.
package protocol FileSystem: Sendable {
  func open(_ path: String, _ mode: OpenMode) throws -> OpenFile
  func close(_ file: OpenFile)
  /// - Returns: the bytes that were written, which may be fewer than were given.
  func write(_ bytes: UnsafeRawBufferPointer, to file: OpenFile, at offset: Int) throws -> Int
  /// Begins to bring a range to the disk, without a promise; an error shows at the next sync.
  func beginSync(_ file: OpenFile, from offset: Int, count: Int)
  /// - Returns: the bytes that were read; fewer than asked for, and 0 at the end.
  func read(into bytes: UnsafeMutableRawBufferPointer, from file: OpenFile, at offset: Int) throws -> Int
  func size(of file: OpenFile) throws -> Int
  /// Cuts the file or lets it grow by a hole.
  func resize(_ file: OpenFile, to sizeBytes: Int) throws
  /// Data and metadata are on the disk when this returns (`fsync`).
  func sync(_ file: OpenFile) throws
  /// Data, and what is needed to read it, are on the disk when this returns (`fdatasync`).
  func syncData(_ file: OpenFile) throws

  /// Replaces what is at `target`.
  func rename(_ path: String, to target: String) throws
  func link(_ path: String, to target: String) throws
  /// Removes a file; one that is absent is fine.
  func remove(_ path: String) throws
  /// Makes one directory; one that exists is fine.
  func makeDirectory(_ path: String) throws
  /// Removes an empty directory; one that is absent is fine.
  func removeDirectory(_ path: String) throws
  /// Names created, renamed or removed in the directory are on the disk when this returns.
  func syncDirectory(_ path: String) throws
  /// Names in a directory, sorted; empty when it is absent.
  func list(_ path: String) throws -> [String]
  /// The size of the file or directory at `path`; `nil` when there is none.
  func size(atPath path: String) throws -> Int?
  /// Bytes that an ordinary process may still write where `path` lies.
  func freeBytes(at path: String) throws -> Int
}

extension FileSystem {
  package func beginSync(_ file: OpenFile, from offset: Int, count: Int) {}

  /// Writes all of `bytes`, continuing after short writes.
  package func writeAll(_ bytes: UnsafeRawBufferPointer, to file: OpenFile, at offset: Int) throws {
    var done = 0
    while done < bytes.count {
      let rest = UnsafeRawBufferPointer(rebasing: bytes[done...])
      done += try write(rest, to: file, at: offset + done)
    }
  }

  /// Reads until `bytes` is full or the file ends.
  ///
  /// - Returns: the bytes that were read.
  package func readAll(
    into bytes: UnsafeMutableRawBufferPointer, from file: OpenFile, at offset: Int
  ) throws -> Int {
    var done = 0
    while done < bytes.count {
      let rest = UnsafeMutableRawBufferPointer(rebasing: bytes[done...])
      let count = try read(into: rest, from: file, at: offset + done)
      if count == 0 { break }
      done += count
    }
    return done
  }

  /// Makes `path` and the directories above it that are missing, each durable in its parent.
  package func makeDirectories(_ path: String) throws {
    guard try size(atPath: path) == nil else { return }
    let parent = parentDirectory(of: path)
    if parent != path { try makeDirectories(parent) }
    try makeDirectory(path)
    try syncDirectory(parent)
  }
}

/// The directory that holds `path`: "." for a bare name.
func parentDirectory(of path: String) -> String {
  guard let slash = path.lastIndex(of: "/") else { return "." }
  return slash == path.startIndex ? "/" : String(path[..<slash])
}
