import CZlib

/// CRC-32 as in zlib and PNG (polynomial 0xEDB88320), taken piece by piece.
///
/// Part of the segment format: changing it makes existing segments unreadable.
struct SegmentChecksum: Equatable {
  private(set) var value: UInt32 = 0
  private(set) var byteCount = 0

  static func of(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
    var checksum = SegmentChecksum()
    checksum.update(bytes)
    return checksum.value
  }

  mutating func update(_ bytes: UnsafeRawBufferPointer) {
    guard let base = bytes.baseAddress, !bytes.isEmpty else { return }
    value = UInt32(crc32_z(UInt(value), base.assumingMemoryBound(to: UInt8.self), bytes.count))
    byteCount += bytes.count
  }

  /// As if `count` zero bytes had come.
  mutating func updateZeros(count: Int) {
    withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 8) { zeros in
      zeros.initializeMemory(as: UInt8.self, repeating: 0)
      var rest = count
      while rest > 0 {
        let step = min(rest, zeros.count)
        update(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(zeros)[..<step]))
        rest -= step
      }
    }
  }

  /// As if all bytes that `next` has seen had come now.
  mutating func append(_ next: SegmentChecksum) {
    value = UInt32(crc32_combine(UInt(value), UInt(next.value), next.byteCount))
    byteCount += next.byteCount
  }
}
