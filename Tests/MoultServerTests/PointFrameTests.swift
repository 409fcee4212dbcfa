import MoultModel
import MoultServer
import MoultTesting
import NIOCore
import Testing

@Suite("PointFrame")
struct PointFrameTests {
  private static func frame(_ random: inout SeededGenerator) -> PointFrame {
    let count = Int.random(in: 0...20, using: &random)
    let dimension = Int.random(in: 1...9, using: &random)
    let elementType = [nil, CollectionSchema.ElementType.float32, .float16].randomElement(using: &random)!
    var ids: [PointID] = []
    switch Int.random(in: 0...3, using: &random) {
    case 0: break
    case 1: ids = (0..<count).map { _ in .int64(.random(in: .min ... .max, using: &random)) }
    case 2: ids = (0..<count).map { .string("kéy-\($0)") }
    default: ids = (0..<count).map { $0 % 2 == 0 ? .int64(Int64(-$0)) : .string("kéy-\($0)") }
    }
    let hasPayloads = Bool.random(using: &random) || (ids.isEmpty && elementType == nil)
    return PointFrame(
      count: count, dimension: dimension, ids: ids, elementType: elementType,
      vectors: elementType == nil
        ? [] : (0..<count * dimension).map { _ in Float(Int.random(in: -100...100, using: &random)) / 8 },
      payloads: hasPayloads ? (0..<count).map { $0 % 3 == 0 ? "" : #"{"n":\#($0)}"# } : [])
  }

  @Test("decode ∘ encode is the identity", arguments: 0..<200)
  func roundTrip(seed: Int) throws {
    var random = SeededGenerator(seed: UInt64(seed))
    let frame = Self.frame(&random)
    #expect(try PointFrame(decoding: frame.encode()) == frame, "seed \(seed)")
  }

  @Test("bytes are as documented")
  func golden() throws {
    let frame = PointFrame(
      count: 2, dimension: 1, ids: [.int64(1), .int64(-1)], vectors: [1, -2], payloads: ["{}", ""])
    let expected: [UInt8] =
      Array("MPF1".utf8) + [2, 0, 0, 0, 1, 0, 0, 0, 1, 1, 1, 0]
      + [1, 0, 0, 0, 0, 0, 0, 0] + [UInt8](repeating: 255, count: 8)
      + [0, 0, 0x80, 0x3F, 0, 0, 0, 0xC0] + [2, 0, 0, 0, 0x7B, 0x7D, 0, 0, 0, 0]
    #expect(Array(frame.encode().readableBytesView) == expected)
  }

  @Test("float16 values survive in half the bytes, bit for bit")
  func float16() throws {
    let values = (0..<1000).map { Float(Float16(bitPattern: UInt16($0 * 31))) }
    let frame = PointFrame(count: 10, dimension: 100, elementType: .float16, vectors: values)
    #expect(frame.encode().readableBytes == 16 + 2000)
    #expect(try PointFrame(decoding: frame.encode()).vectors.map(\.bitPattern) == values.map(\.bitPattern))
  }

  @Test("every truncation is refused", arguments: 0..<30)
  func truncated(seed: Int) throws {
    var random = SeededGenerator(seed: UInt64(seed))
    let bytes = Self.frame(&random).encode()
    for length in 0..<bytes.readableBytes {
      #expect(throws: MoultError.self, "seed \(seed), \(length) of \(bytes.readableBytes) bytes") {
        try PointFrame(decoding: bytes.getSlice(at: 0, length: length)!)
      }
    }
  }

  @Test("changed bytes are refused or make another valid frame, never a trap", arguments: 0..<300)
  func fuzz(seed: Int) throws {
    var random = SeededGenerator(seed: UInt64(seed))
    var bytes = Array(Self.frame(&random).encode().readableBytesView)
    for _ in 0..<Int.random(in: 1...4, using: &random) {
      // Mostly in the header, where the lengths are.
      let place = Int.random(in: 0..<(Bool.random(using: &random) ? 16 : bytes.count), using: &random)
      bytes[place] = UInt8.random(in: 0...255, using: &random)
    }
    do {
      let frame = try PointFrame(decoding: ByteBuffer(bytes: bytes))
      let again = try PointFrame(decoding: frame.encode())
      #expect(again.count == frame.count && again.ids == frame.ids, "seed \(seed)")
    } catch let error {
      #expect(error.code == .invalidArgument, "seed \(seed)")
    }
  }

  @Test("noise is refused", arguments: 0..<100)
  func noise(seed: Int) {
    var random = SeededGenerator(seed: UInt64(seed))
    let bytes = (0..<Int.random(in: 0...200, using: &random)).map { _ in
      UInt8.random(in: 0...255, using: &random)
    }
    #expect(throws: MoultError.self) { try PointFrame(decoding: ByteBuffer(bytes: bytes)) }
  }

  @Test("a claim of 2³² points × 2³² dimensions allocates nothing and names the field")
  func hugeClaims() {
    for (count, dimension, field) in [
      (UInt32.max, UInt32(32_768), "vectors"), (.max, .max, "dimension"), (.max, 1, "vectors"),
      (1, 0, "dimension"),
    ] {
      var bytes = ByteBuffer(string: "MPF1")
      bytes.writeInteger(count, endianness: .little)
      bytes.writeInteger(dimension, endianness: .little)
      bytes.writeBytes([1, 0, 0, 0])
      let error = #expect(throws: MoultError.self) { try PointFrame(decoding: bytes) }
      #expect(error?.message.contains("field '\(field)'") == true, "\(error?.message ?? "")")
    }
    for keys in [UInt8(1), 2] {
      var bytes = ByteBuffer(string: "MPF1")
      bytes.writeInteger(UInt32.max, endianness: .little)
      bytes.writeInteger(UInt32(1), endianness: .little)
      bytes.writeBytes([0, keys, 0, 0])
      let error = #expect(throws: MoultError.self) { try PointFrame(decoding: bytes) }
      #expect(error?.message.contains("field 'keys'") == true)
    }
  }

  @Test("bytes after the end, bad UTF-8 and unknown kinds are named")
  func namedFaults() {
    let frame = PointFrame(count: 1, dimension: 1, ids: [.string("a")], vectors: [1])
    func message(_ change: (inout [UInt8]) -> Void) -> String {
      var bytes = Array(frame.encode().readableBytesView)
      change(&bytes)
      do {
        _ = try PointFrame(decoding: ByteBuffer(bytes: bytes))
        return "accepted"
      } catch {
        return error.message
      }
    }
    #expect(message { $0.append(0) }.contains("1 more bytes"))
    #expect(message { $0[20] = 0xFF }.contains("'keys'"))
    #expect(message { $0[12] = 9 }.contains("'elements'"))
    #expect(message { $0[13] = 9 }.contains("'keys'"))
    #expect(message { $0[14] = 9 }.contains("'payloads'"))
    #expect(message { $0[15] = 9 }.contains("'reserved'"))
    #expect(message { $0[0] = 0 }.contains("'magic'"))
  }
}
