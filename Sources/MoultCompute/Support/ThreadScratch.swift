internal import Glibc

/// Memory for the intermediate values of one call, out of a block that each thread keeps.
///
/// What a query is prepared in is larger than what the standard library puts on the stack, and the heap takes
/// longer than the arithmetic on short vectors. Calls nest like a stack. What does not fit the block, so
/// vectors of more than some 4,000 dimensions, comes from the heap.
enum ThreadScratch {
  private static let blockBytes = 64 << 10
  private static let alignment = 64

  /// At the start of a block. A block belongs to one thread.
  private struct Header {
    var used: Int
  }

  private static let key: pthread_key_t = {
    var key = pthread_key_t()
    // On the thread's end; without keys left every call goes to the heap.
    guard pthread_key_create(&key, { free($0) }) == 0 else { return pthread_key_t.max }
    return key
  }()

  /// - Parameter body: gets `count` elements, 64-byte aligned, whose values are undefined.
  @inline(__always)
  static func with<Element: BitwiseCopyable, Result>(
    _ element: Element.Type, count: Int, _ body: (UnsafeMutablePointer<Element>) throws -> Result
  ) rethrows -> Result {
    let bytes = (count * MemoryLayout<Element>.stride + alignment - 1) / alignment * alignment
    guard let block = block(), block.pointee.used + bytes <= blockBytes else {
      return try withUnsafeTemporaryAllocation(byteCount: max(1, bytes), alignment: alignment) {
        try body($0.baseAddress!.bindMemory(to: Element.self, capacity: count))
      }
    }
    let start = UnsafeMutableRawPointer(block) + block.pointee.used
    block.pointee.used += bytes
    defer { block.pointee.used -= bytes }
    return try body(start.bindMemory(to: Element.self, capacity: count))
  }

  private static func block() -> UnsafeMutablePointer<Header>? {
    guard key != pthread_key_t.max else { return nil }
    if let block = pthread_getspecific(key) { return block.assumingMemoryBound(to: Header.self) }
    guard let block = aligned_alloc(alignment, blockBytes), pthread_setspecific(key, block) == 0 else {
      return nil
    }
    let header = block.bindMemory(to: Header.self, capacity: 1)
    header.initialize(to: Header(used: alignment))
    return header
  }
}
