import Foundation

/// Memory that ends where the next page begins, and that page may not be touched: a kernel that reads or
/// writes past the end crashes the test instead of passing it by luck.
///
/// With `shift`, the values begin that many bytes earlier. Where they begin follows from their count, so
/// lengths around the lanes bring all alignments with them, and `shift` misaligns multi-byte elements too.
final class GuardedBuffer<Element: BitwiseCopyable> {
  private let pages: UnsafeMutableRawPointer
  private let pagesSizeBytes: Int
  private let start: UnsafeMutableRawPointer
  let count: Int

  init(_ values: [Element], shift: Int = 0) {
    let pageSizeBytes = Int(sysconf(Int32(_SC_PAGESIZE)))
    let sizeBytes = values.count * MemoryLayout<Element>.stride
    let usableSizeBytes = (sizeBytes + shift + pageSizeBytes - 1) / pageSizeBytes * pageSizeBytes
    pagesSizeBytes = usableSizeBytes + pageSizeBytes
    pages = mmap(nil, pagesSizeBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON, -1, 0)
    precondition(pages != MAP_FAILED, "mmap of \(pagesSizeBytes) bytes failed")
    precondition(mprotect(pages + usableSizeBytes, pageSizeBytes, PROT_NONE) == 0, "mprotect failed")
    start = pages + usableSizeBytes - shift - sizeBytes
    count = values.count
    values.withUnsafeBytes { source in
      if let address = source.baseAddress { start.copyMemory(from: address, byteCount: source.count) }
    }
  }

  deinit {
    munmap(pages, pagesSizeBytes)
  }

  /// For C only: the address may be misaligned.
  var pointer: UnsafeMutablePointer<Element> { start.assumingMemoryBound(to: Element.self) }

  var values: [Element] {
    (0..<count).map {
      start.loadUnaligned(fromByteOffset: $0 * MemoryLayout<Element>.stride, as: Element.self)
    }
  }
}
