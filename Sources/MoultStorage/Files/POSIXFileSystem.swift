import CMoultStorage
import Glibc
import MoultModel

/// The real file system. Interrupted calls are repeated.
package struct POSIXFileSystem: FileSystem {
  package init() {}

  package func open(_ path: String, _ mode: OpenMode) throws -> OpenFile {
    // O_CLOEXEC: a child process must hold neither our files nor, above all, our lock.
    let flags =
      switch mode {
      case .read: O_RDONLY | O_CLOEXEC
      case .readWrite: O_RDWR | O_CLOEXEC
      case .create: O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC
      }
    let descriptor = repeating { Glibc.open(path, flags, 0o644) }
    guard descriptor >= 0 else { throw MoultError.system(errno, "open", path) }
    return OpenFile(descriptor: Int32(descriptor), path: path)
  }

  package func close(_ file: OpenFile) { _ = Glibc.close(file.descriptor) }

  package func write(_ bytes: UnsafeRawBufferPointer, to file: OpenFile, at offset: Int) throws -> Int {
    guard !bytes.isEmpty else { return 0 }
    let count = repeating { pwrite(file.descriptor, bytes.baseAddress, bytes.count, offset) }
    guard count > 0 else { throw MoultError.system(count == 0 ? EIO : errno, "write to", file.path) }
    return count
  }

  package func beginSync(_ file: OpenFile, from offset: Int, count: Int) {
    moult_begin_writeback(file.descriptor, Int64(offset), Int64(count))
  }

  package func read(
    into bytes: UnsafeMutableRawBufferPointer, from file: OpenFile, at offset: Int
  ) throws -> Int {
    let count = repeating { pread(file.descriptor, bytes.baseAddress, bytes.count, offset) }
    guard count >= 0 else { throw MoultError.system(errno, "read", file.path) }
    return count
  }

  package func size(of file: OpenFile) throws -> Int {
    var status = stat()
    guard fstat(file.descriptor, &status) == 0 else {
      throw MoultError.system(errno, "look at", file.path)
    }
    return Int(status.st_size)
  }

  package func resize(_ file: OpenFile, to sizeBytes: Int) throws {
    guard repeating({ ftruncate(file.descriptor, sizeBytes) }) == 0 else {
      throw MoultError.system(errno, "resize", file.path)
    }
  }

  package func sync(_ file: OpenFile) throws {
    guard repeating({ fsync(file.descriptor) }) == 0 else {
      throw MoultError.system(errno, "sync", file.path)
    }
  }

  package func syncData(_ file: OpenFile) throws {
    guard repeating({ fdatasync(file.descriptor) }) == 0 else {
      throw MoultError.system(errno, "sync", file.path)
    }
  }

  package func rename(_ path: String, to target: String) throws {
    guard Glibc.rename(path, target) == 0 else {
      throw MoultError.system(errno, "rename to \(target)", path)
    }
  }

  package func link(_ path: String, to target: String) throws {
    guard Glibc.link(path, target) == 0 else {
      throw MoultError.system(errno, "link as \(target)", path)
    }
  }

  package func remove(_ path: String) throws {
    guard unlink(path) == 0 || errno == ENOENT else { throw MoultError.system(errno, "remove", path) }
  }

  package func makeDirectory(_ path: String) throws {
    guard mkdir(path, 0o755) == 0 || errno == EEXIST else {
      throw MoultError.system(errno, "make the directory", path)
    }
  }

  package func removeDirectory(_ path: String) throws {
    guard rmdir(path) == 0 || errno == ENOENT else {
      throw MoultError.system(errno, "remove the directory", path)
    }
  }

  package func syncDirectory(_ path: String) throws {
    let descriptor = repeating { Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
    guard descriptor >= 0 else { throw MoultError.system(errno, "open the directory", path) }
    defer { _ = Glibc.close(Int32(descriptor)) }
    guard repeating({ fsync(Int32(descriptor)) }) == 0 else {
      throw MoultError.system(errno, "sync the directory", path)
    }
  }

  package func list(_ path: String) throws -> [String] {
    guard let directory = opendir(path) else {
      if errno == ENOENT { return [] }
      throw MoultError.system(errno, "list", path)
    }
    defer { closedir(directory) }
    var names: [String] = []
    errno = 0
    while let entry = readdir(directory) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name != ".", name != ".." { names.append(name) }
      errno = 0
    }
    guard errno == 0 else { throw MoultError.system(errno, "list", path) }
    return names.sorted()
  }

  package func size(atPath path: String) throws -> Int? {
    var status = stat()
    guard stat(path, &status) == 0 else {
      if errno == ENOENT || errno == ENOTDIR { return nil }
      throw MoultError.system(errno, "look at", path)
    }
    return Int(status.st_size)
  }

  package func freeBytes(at path: String) throws -> Int {
    var status = statvfs()
    guard statvfs(path, &status) == 0 else { throw MoultError.system(errno, "look at", path) }
    return Int(status.f_bavail) * Int(status.f_frsize)
  }

  private func repeating<Result: SignedInteger>(_ call: () -> Result) -> Result {
    while true {
      let result = call()
      if result >= 0 || errno != EINTR { return result }
    }
  }
}
