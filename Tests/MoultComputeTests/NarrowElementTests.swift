import MoultCompute
import MoultModel
import MoultTesting
import Testing

@Suite("narrow elements of vectors")
struct NarrowElementTests {
  @Test(
    "every finite bit pattern is widened to its number and narrowed back to itself",
    arguments: NarrowElement.allCases)
  func roundTrip(element: NarrowElement) throws {
    var bytes: [UInt8] = []
    var numbers: [Float] = []
    for bits in UInt16.min...UInt16.max {
      let number: Float
      switch element {
      case .float16: number = Float(Float16(bitPattern: bits))
      case .bfloat16: number = Float(bitPattern: UInt32(bits) << 16)
      case .int8:
        guard bits < 256 else { continue }
        number = Float(Int8(bitPattern: UInt8(bits)))
      }
      guard number.isFinite else { continue }
      bytes.append(UInt8(bits & 0xFF))
      if element.bytes == 2 { bytes.append(UInt8(bits >> 8)) }
      numbers.append(number)
    }
    // Bytes may begin anywhere.
    let shifted = [0] + bytes
    let floats = try shifted.withUnsafeBytes {
      try element.floats(from: UnsafeRawBufferPointer(rebasing: $0[1...]))
    }
    #expect(floats == numbers)
    #expect(try element.bytes(from: numbers) == bytes)
  }

  @Test("numbers in between are rounded to nearest, ties to even")
  func rounding() throws {
    var random = SeededGenerator(seed: 3)
    let numbers =
      random.gaussianFloats(count: 1500) + [Float(bitPattern: 0x3F80_8000), Float(bitPattern: 0x3F81_8000)]
    let halves = try NarrowElement.float16.bytes(from: numbers).withUnsafeBytes {
      try NarrowElement.float16.floats(from: $0)
    }
    #expect(halves == numbers.map { Float(Float16($0)) })
    let brains = try NarrowElement.bfloat16.bytes(from: numbers).withUnsafeBytes {
      try NarrowElement.bfloat16.floats(from: $0)
    }
    for (number, brain) in zip(numbers, brains) { #expect(abs(number - brain) <= abs(number) * 0x1p-8) }
    #expect(brains.suffix(2) == [1, Float(bitPattern: 0x3F82_0000)])
  }

  @Test(
    "what does not fit is refused with its place",
    arguments: [
      (.float16, [0, 65_505], "entry 1: expected a number from -65504.0 to 65504.0, got 65505.0"),
      (.bfloat16, [.greatestFiniteMagnitude], "entry 0: expected a number from"),
      (.bfloat16, [1, .nan], "entry 1: expected a number from"),
      (.int8, [-129], "expected a number from -128.0 to 127.0, got -129.0"),
      (.int8, [1, 2, 0.5], "entry 2: expected a whole number, got 0.5"),
    ] as [(NarrowElement, [Float], String)])
  func refused(element: NarrowElement, numbers: [Float], message: String) {
    let error = #expect(throws: MoultError.self) { try element.bytes(from: numbers) }
    #expect(
      error?.code == .invalidVector && error?.message.contains(message) == true, "\(error?.message ?? "")")
  }

  @Test("bytes that are no numbers are refused")
  func refusedBytes() {
    for (element, bytes) in [
      (NarrowElement.float16, [0, 0, 0]), (.float16, [0, 0x7C]), (.bfloat16, [0xC0, 0x7F]),
    ] as [(NarrowElement, [UInt8])] {
      let error = #expect(throws: MoultError.self) {
        try bytes.withUnsafeBytes { try element.floats(from: $0) }
      }
      #expect(error?.code == .invalidVector)
    }
  }
}
