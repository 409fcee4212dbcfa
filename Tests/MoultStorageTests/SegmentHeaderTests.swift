import MoultModel
import MoultTesting
import Testing

@testable import MoultStorage

@Suite("SegmentHeader")
struct SegmentHeaderTests {
  private static let path = "x/segment-3.codes"
  private static let header = SegmentHeader(
    kind: .codes,
    identity: SegmentIdentity(collectionID: 1, generationID: 2, segmentID: 3, firstRow: 1000),
    rowCapacity: 10, rowStride: 48, sideStride: 8
  ).sealed(rowCount: 10, payloadChecksum: 0xDEAD_BEEF)

  private func decode(_ bytes: [UInt8], count: Int = 256) throws -> SegmentHeader {
    try SegmentHeader(decoding: bytes, byteCount: count, path: Self.path)
  }

  /// The encoded header with a field changed and the header's checksum made right again.
  private func bytes(setting field: SegmentHeader.Field, to value: some FixedWidthInteger) -> [UInt8] {
    var bytes = Self.header.encoded()
    withUnsafeBytes(of: value.littleEndian) { source in
      bytes.replaceSubrange(field.rawValue..<field.rawValue + source.count, with: source)
    }
    let checksum = bytes.withUnsafeBytes { SegmentChecksum.of(.init(rebasing: $0[..<252])) }
    withUnsafeBytes(of: checksum.littleEndian) { bytes.replaceSubrange(252..<256, with: $0) }
    return bytes
  }

  @Test("what was encoded is decoded", arguments: SegmentHeader.Kind.allCases)
  func roundTrip(kind: SegmentHeader.Kind) throws {
    let growing = SegmentHeader(
      kind: kind, identity: SegmentIdentity(collectionID: .max, firstRow: .max), rowCapacity: 65_536,
      rowStride: 1536, sideStride: 4)
    #expect(try decode(growing.encoded()) == growing)
    let sealed = growing.sealed(rowCount: 17, payloadChecksum: 5)
    #expect(try decode(sealed.encoded()) == sealed)
    #expect(growing.encoded().count == SegmentHeader.sizeBytes)
  }

  @Test("rows begin at the first multiple of 4096 after the side section")
  func layout() {
    func offset(_ capacity: Int, _ side: Int) -> Int? {
      SegmentHeader.rowsOffset(rowCapacity: capacity, rowStride: 4, sideStride: side)
    }
    #expect(offset(0, 0) == 4096)
    #expect(offset(100, 0) == 4096)
    #expect(offset(960, 4) == 4096)
    #expect(offset(961, 4) == 8192)
  }

  @Test(
    "numbers whose file size would overflow are refused",
    arguments: [
      (Int.max, 1, 0), (Int.max, 0, 1), (1 << 62, 2, 0), (1 << 61, 4, 4), (Int.max - 255, 1, 1), (-1, 1, 0),
      (1, 0, 0), (1, 1, -1),
    ])
  func overflow(capacity: Int, rowStride: Int, sideStride: Int) {
    #expect(
      SegmentHeader.rowsOffset(rowCapacity: capacity, rowStride: rowStride, sideStride: sideStride) == nil)
  }

  @Test("every flipped bit is found")
  func bitFlips() {
    let sound = Self.header.encoded()
    for bit in 0..<sound.count * 8 {
      var bytes = sound
      bytes[bit / 8] ^= 1 << (bit % 8)
      #expect(code { _ = try decode(bytes) } == .corrupted, "bit \(bit)")
    }
  }

  @Test("every wrong field is named with its offset, even under a right checksum")
  func wrongFields() {
    let wrong: [(SegmentHeader.Field, [UInt8])] = [
      (.version, bytes(setting: .version, to: UInt32(0))),
      (.kind, bytes(setting: .kind, to: UInt32(0))), (.kind, bytes(setting: .kind, to: UInt32(7))),
      (.flags, bytes(setting: .flags, to: UInt32(3))),
      (.reservedA, bytes(setting: .reservedA, to: UInt32(1))),
      (.collection, bytes(setting: .collection, to: Int64(-1))),
      (.generation, bytes(setting: .generation, to: Int64.min)),
      (.segment, bytes(setting: .segment, to: Int64(-5))),
      (.firstRow, bytes(setting: .firstRow, to: Int64(-1))),
      (.rowCount, bytes(setting: .rowCount, to: Int64(-1))),
      (.rowCount, bytes(setting: .rowCount, to: Int64(11))),
      (.rowCapacity, bytes(setting: .rowCapacity, to: Int64.max)),
      (.rowCapacity, bytes(setting: .rowStride, to: Int64(0))),
      (.rowCapacity, bytes(setting: .rowStride, to: Int64.max)),
      (.rowCapacity, bytes(setting: .sideStride, to: Int64.max)),
      (.sideStride, bytes(setting: .sideStride, to: Int64(-8))),
      (.sideOffset, bytes(setting: .sideOffset, to: Int64(320))),
      (.rowsOffset, bytes(setting: .rowsOffset, to: Int64(8192))),
      (.payloadLength, bytes(setting: .payloadLength, to: Int64(1))),
      (.reservedB, bytes(setting: .reservedB, to: UInt8(1))),
    ]
    for (field, bytes) in wrong {
      let text = message { _ = try decode(bytes) }
      #expect(text.hasPrefix("\(Self.path) is damaged at byte \(field.rawValue):"), "\(field): \(text)")
      #expect(text.contains("expected") && text.contains("got"), "\(field): \(text)")
    }
  }

  @Test("a growing header with numbers of a sealed one is damaged")
  func growingWithCount() {
    let bytes = bytes(setting: .flags, to: UInt32(0))
    #expect(message { _ = try decode(bytes) }.contains("at byte 56"))
  }

  @Test("a newer format is not damage but asks for the newer Moult")
  func newerVersion() {
    let bytes = bytes(setting: .version, to: UInt32(2))
    #expect(code { _ = try decode(bytes) } == .unsupportedVersion)
    #expect(message { _ = try decode(bytes) }.contains("newer version of Moult"))
  }

  @Test("a header that is cut short is damaged", arguments: [0, 1, 8, 255])
  func short(count: Int) {
    #expect(code { _ = try decode(Self.header.encoded(), count: count) } == .corrupted)
  }

  @Test("random bytes never decode and never trap", arguments: 0..<200 as Range<UInt64>)
  func randomBytes(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    var bytes = random.bytes(count: 256)
    #expect(code { _ = try decode(bytes) } == .corrupted, "seed \(seed)")
    // Once more behind a right magic and checksum, so that the fields are reached.
    bytes.replaceSubrange(0..<8, with: SegmentHeader.magic)
    bytes.replaceSubrange(8..<12, with: [1, 0, 0, 0])
    if seed % 2 == 0 { bytes.replaceSubrange(12..<24, with: [1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]) }
    if seed % 4 == 0 { for index in 116..<252 { bytes[index] = 0 } }
    let checksum = bytes.withUnsafeBytes { SegmentChecksum.of(.init(rebasing: $0[..<252])) }
    withUnsafeBytes(of: checksum.littleEndian) { bytes.replaceSubrange(252..<256, with: $0) }
    #expect(code { _ = try decode(bytes) } == .corrupted, "seed \(seed)")
  }
}
