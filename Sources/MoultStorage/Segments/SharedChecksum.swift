import Synchronization

/// A checksum that several threads compute together, each as many pieces as it comes to.
///
/// Nobody waits: a piece that another thread has begun and not ended is computed once more. So the one that needs the
/// result most has it no later than if it were alone, whatever became of the others.
final class SharedChecksum: Sendable {
  private static let pieceBytes = 1 << 20
  private static let isKnown: UInt64 = 1 << 32

  private let byteCount: Int
  private let next = Atomic<Int>(0)
  /// Of each piece its checksum and `isKnown`; 0 until then.
  private let pieces: Pieces

  private final class Pieces: @unchecked Sendable {  // atomics, which a Swift array cannot hold
    let count: Int
    let base: UnsafeMutablePointer<Atomic<UInt64>>

    init(count: Int) {
      self.count = count
      base = .allocate(capacity: count)
      for index in 0..<count { (base + index).initialize(to: Atomic(0)) }
    }

    deinit {
      base.deinitialize(count: count)
      base.deallocate()
    }
  }

  init(byteCount: Int) {
    self.byteCount = byteCount
    pieces = Pieces(count: (byteCount + Self.pieceBytes - 1) / Self.pieceBytes)
  }

  /// - Parameter bytes: the same on every call, as many as were announced.
  func value(of bytes: UnsafeRawBufferPointer) -> UInt32 {
    precondition(bytes.count == byteCount)
    while let piece = claim() { compute(piece, of: bytes) }
    var checksum = SegmentChecksum()
    for piece in 0..<pieces.count {
      if pieces.base[piece].load(ordering: .relaxed) == 0 { compute(piece, of: bytes) }
      let value = UInt32(truncatingIfNeeded: pieces.base[piece].load(ordering: .relaxed))
      checksum.append(SegmentChecksum(value: value, byteCount: range(of: piece).count))
    }
    return checksum.value
  }

  /// A piece that nobody has begun.
  func claim() -> Int? {
    let piece = next.wrappingAdd(1, ordering: .relaxed).oldValue
    return piece < pieces.count ? piece : nil
  }

  private func range(of piece: Int) -> Range<Int> {
    piece * Self.pieceBytes..<min(byteCount, (piece + 1) * Self.pieceBytes)
  }

  private func compute(_ piece: Int, of bytes: UnsafeRawBufferPointer) {
    let checksum = SegmentChecksum.of(UnsafeRawBufferPointer(rebasing: bytes[range(of: piece)]))
    pieces.base[piece].store(Self.isKnown | UInt64(checksum), ordering: .relaxed)
  }
}
