import MoultTesting
import Testing

@testable import MoultStorage

@Suite("SegmentChecksum")
struct SegmentChecksumTests {
  @Test("is CRC-32: the check value of the catalogue of CRCs")
  func checkValue() {
    let bytes = Array("123456789".utf8)
    #expect(bytes.withUnsafeBytes(SegmentChecksum.of) == 0xCBF4_3926)
    #expect([UInt8]().withUnsafeBytes(SegmentChecksum.of) == 0)
  }

  @Test("pieces, zeros and appended parts give the checksum of the whole", arguments: 0..<50 as Range<UInt64>)
  func pieces(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let first = random.bytes(count: .random(in: 0...300, using: &random))
    let zeroCount = Int.random(in: 0...9000, using: &random)
    let second = random.bytes(count: .random(in: 0...300, using: &random))

    var parts = SegmentChecksum()
    first.withUnsafeBytes { parts.update($0) }
    parts.updateZeros(count: zeroCount)
    var tail = SegmentChecksum()
    second.withUnsafeBytes { tail.update($0) }
    parts.append(tail)

    let whole = first + [UInt8](repeating: 0, count: zeroCount) + second
    #expect(parts.value == whole.withUnsafeBytes(SegmentChecksum.of), "seed \(seed)")
    #expect(parts.byteCount == whole.count)
  }

  /// CRC-32 bit by bit, as its definition has it.
  private func definition(_ bytes: ArraySlice<UInt8>) -> UInt32 {
    var register: UInt32 = 0xFFFF_FFFF
    for byte in bytes {
      register ^= UInt32(byte)
      for _ in 0..<8 {
        let carry = register & 1
        register >>= 1
        if carry == 1 { register ^= 0xEDB8_8320 }
      }
    }
    return ~register
  }

  @Test(
    "is that of the definition at every length around what is folded at once, wherever bytes lie and are cut")
  func equalsDefinition() {
    var random = SeededGenerator(seed: 32)
    let bytes = random.bytes(count: 700)
    for first in 0..<17 {
      for count in Array(0...150) + [255, 256, 257, 512, 640, 683] {
        let expected = definition(bytes[first..<first + count])
        bytes.withUnsafeBytes { all in
          let part = UnsafeRawBufferPointer(rebasing: all[first..<first + count])
          #expect(SegmentChecksum.of(part) == expected, "\(count) bytes from \(first)")
          var checksum = SegmentChecksum()
          checksum.update(UnsafeRawBufferPointer(rebasing: part[..<(count / 3)]))
          checksum.update(UnsafeRawBufferPointer(rebasing: part[(count / 3)...]))
          #expect(checksum.value == expected, "\(count) bytes from \(first), cut at \(count / 3)")
        }
      }
    }
  }

  @Test(
    "threads that compute it together come to the same, and none waits for one that stopped in the middle")
  func shared() async {
    var random = SeededGenerator(seed: 33)
    for count in [0, 1, 1 << 20, 5 << 20 | 77] {
      let bytes = random.bytes(count: count)
      let expected = bytes.withUnsafeBytes { SegmentChecksum.of($0) }
      let check = SharedChecksum(byteCount: count)
      // Begun by somebody who never ends it.
      _ = check.claim()
      await withTaskGroup(of: UInt32.self) { group in
        for _ in 0..<4 { group.addTask { bytes.withUnsafeBytes { check.value(of: $0) } } }
        for await value in group { #expect(value == expected, "\(count) bytes") }
      }
    }
  }
}
