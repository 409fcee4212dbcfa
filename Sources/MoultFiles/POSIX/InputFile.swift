import Glibc
package import MoultModel

/// An open file that is read in place, at any offset.
///
/// Exchange files are read with `pread` rather than mapped: somebody may cut off or overwrite a file that is
/// not ours while we read it, and that has to be an error, not a SIGBUS. Every byte is copied or converted
/// on its way anyway.
package struct InputFile: ~Copyable, Sendable {
  package let path: String
  /// Its length when it was opened; 0 for pipes.
  package let size: Int
  private let descriptor: Int32

  /// - Parameter onlyRegular: refuse pipes and devices, which cannot be read at an offset.
  package init(path: String, onlyRegular: Bool = true) throws(MoultError) {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw Self.failure("cannot open", path) }
    var status = stat()
    fstat(descriptor, &status)
    let kind = status.st_mode & S_IFMT
    guard kind == S_IFREG || (kind != S_IFDIR && !onlyRegular) else {
      close(descriptor)
      let found = kind == S_IFDIR ? "a directory" : "a pipe or device"
      throw MoultError(.invalidArgument, "'\(path)': expected a regular file, found \(found)")
    }
    self.path = path
    self.size = Int(status.st_size)
    self.descriptor = descriptor
  }

  deinit { close(descriptor) }

  /// Fills `buffer` from `offset` on.
  ///
  /// - Throws: `corrupted` if the file has become shorter than it was.
  package func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(MoultError) {
    var done = 0
    while done < buffer.count {
      let count = pread(descriptor, buffer.baseAddress! + done, buffer.count - done, offset + done)
      if count < 0 && errno == EINTR { continue }
      guard count >= 0 else { throw Self.failure("cannot read", path) }
      guard count > 0 else {
        throw MoultError(
          .corrupted,
          "'\(path)': expected \(size) bytes, found \(offset + done): the file was cut off while it was read")
      }
      done += count
    }
  }

  /// The next bytes of a stream.
  ///
  /// - Returns: how many; 0 at the end.
  package func readNext(into buffer: UnsafeMutableRawBufferPointer) throws(MoultError) -> Int {
    while true {
      let count = Glibc.read(descriptor, buffer.baseAddress!, buffer.count)
      if count >= 0 { return count }
      guard errno == EINTR else { throw Self.failure("cannot read", path) }
    }
  }

  private static func failure(_ what: String, _ path: String) -> MoultError {
    MoultError(.invalidArgument, "\(what) '\(path)': \(String(cString: strerror(errno)))")
  }
}
