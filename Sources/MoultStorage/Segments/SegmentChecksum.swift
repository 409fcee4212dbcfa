import CMoultStorage
import CZlib

/// CRC-32 as in zlib and PNG (polynomial 0xEDB88320), taken piece by piece.
///
/// Part of the segment format: changing it makes existing segments unreadable.
struct SegmentChecksum: Equatable {
  var value: UInt32 = 0
  var byteCount = 0

  static func of(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
    var checksum = SegmentChecksum()
    checksum.update(bytes)
    return checksum.value
  }

  mutating func update(_ bytes: UnsafeRawBufferPointer) {
    guard let base = bytes.baseAddress, !bytes.isEmpty else { return }
    value = moult_crc32(value, base, bytes.count)
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

  /// Where the damage lies if it is confined to one byte: the checksum is linear, so that the difference of two of
  /// them, run backwards through the bytes that follow, ends as the byte's change.
  ///
  /// Damage of several bytes can pass for that of one, so the answer is a hint and no ground for a correction.
  ///
  /// - Returns: the byte's place among `count`; `nil` when no change of one byte explains the difference.
  /// - Complexity: O(count), about 5 ns a byte.
  static func damagedByte(expected: UInt32, got: UInt32, count: Int) -> Int? {
    var register = expected ^ got
    guard register != 0 else { return nil }
    for place in (0..<count).reversed() {
      for _ in 0..<8 {
        let carried = register >> 31
        register = ((register ^ (0xEDB8_8320 & (0 &- carried))) << 1) | carried
      }
      if register & ~0xFF == 0 { return place }
    }
    return nil
  }

  /// As if all bytes that `next` has seen had come now.
  mutating func append(_ next: SegmentChecksum) {
    value = UInt32(crc32_combine(UInt(value), UInt(next.value), next.byteCount))
    byteCount += next.byteCount
  }
}
