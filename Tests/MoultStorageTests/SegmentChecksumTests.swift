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
}
