import Glibc
import MoultModel

/// How a mapping will be read; a hint to the kernel.
package enum AccessPattern: Sendable {
  case normal
  /// No read-ahead: graph search, rescoring.
  case random
  /// Much read-ahead: scans.
  case sequential
  /// Read it in now.
  case willNeed
}

/// A file mapped read-only and shared, so that later writes to the file show through. Unmapped when it
/// goes away.
struct MappedFile: ~Copyable {
  let bytes: UnsafeRawBufferPointer

  /// - Parameter byteCount: positive, at most the size of the file: reading past the end of the file is
  ///   a SIGBUS.
  init(_ file: OpenFile, byteCount: Int) throws {
    guard let base = mmap(nil, byteCount, PROT_READ, MAP_SHARED, file.descriptor, 0), base != MAP_FAILED
    else { throw MoultError.system(errno, "map", file.path) }
    bytes = UnsafeRawBufferPointer(start: base, count: byteCount)
  }

  func advise(_ pattern: AccessPattern) {
    let advice =
      switch pattern {
      case .normal: MADV_NORMAL
      case .random: MADV_RANDOM
      case .sequential: MADV_SEQUENTIAL
      case .willNeed: MADV_WILLNEED
      }
    _ = madvise(UnsafeMutableRawPointer(mutating: bytes.baseAddress!), bytes.count, Int32(advice))
  }

  deinit { munmap(UnsafeMutableRawPointer(mutating: bytes.baseAddress!), bytes.count) }
}
