import CMoultKernels
import MoultTesting
import Testing

@Suite("convert")
struct ConvertTests {
  static let everyPattern = (0...UInt16.max).map { $0 }

  @Test("all 65 536 halves widen to their value and come back", arguments: KernelLevel.offered)
  func f16RoundTrip(level: KernelLevel) {
    let wide = widen(level.kernels.f16_to_f32, Self.everyPattern)
    let back = narrow(level.kernels.f32_to_f16, wide)
    var wrong = [UInt16]()
    for pattern in Self.everyPattern {
      let value = wide[Int(pattern)]
      if let exact = halfValue(pattern) {
        // The sign of zero counts, so bits are compared.
        if value.bitPattern != exact.bitPattern || back[Int(pattern)] != pattern { wrong.append(pattern) }
      } else if !value.isNaN || !isHalfNaN(back[Int(pattern)]) {
        wrong.append(pattern)
      }
    }
    #expect(wrong.isEmpty)
  }

  @Test("all 65 536 bfloat16 widen to their value and come back", arguments: KernelLevel.offered)
  func bf16RoundTrip(level: KernelLevel) {
    let wide = widen(level.kernels.bf16_to_f32, Self.everyPattern)
    let back = narrow(level.kernels.f32_to_bf16, wide)
    var wrong = [UInt16]()
    for pattern in Self.everyPattern {
      let value = wide[Int(pattern)]
      if Float(bitPattern: UInt32(pattern) << 16).isNaN {
        if !value.isNaN || !isBFloatNaN(back[Int(pattern)]) { wrong.append(pattern) }
      } else if value.bitPattern != UInt32(pattern) << 16 || back[Int(pattern)] != pattern {
        wrong.append(pattern)
      }
    }
    #expect(wrong.isEmpty)
  }

  @Test(
    "narrowing to halves takes the nearest neighbour, and the even one of two", arguments: KernelLevel.offered
  )
  func f16Rounding(level: KernelLevel) {
    // Between every two neighbours: just below the middle, the middle, and just above. All are exact in
    // Float, because a middle needs only one bit more than a half has.
    var sources = [Float]()
    var expected = [UInt16]()
    for sign in [UInt16(0), 0x8000] {
      for magnitude in UInt16(0)..<0x7C00 {
        let lower = halfValue(magnitude) ?? .nan
        // After the largest finite half comes what would be 2¹⁶, in whose place infinity stands.
        let upper = magnitude == 0x7BFF ? 65_536 : halfValue(magnitude + 1) ?? .nan
        let middle = (lower + upper) / 2
        let even = magnitude % 2 == 0 ? magnitude : magnitude + 1
        let around = [middle.nextDown, middle, middle.nextUp]
        sources += sign == 0 ? around : around.map { -$0 }
        expected += [sign | magnitude, sign | even, sign | (magnitude + 1)]
      }
    }
    #expect(narrow(level.kernels.f32_to_f16, sources) == expected)
  }

  @Test(
    "narrowing to bfloat16 takes the nearest neighbour, and the even one of two",
    arguments: KernelLevel.offered)
  func bf16Rounding(level: KernelLevel) {
    var sources = [Float]()
    var expected = [UInt16]()
    for pattern in Self.everyPattern where pattern & 0x7FFF < 0x7F80 {
      let upper = UInt32(pattern) << 16
      let even = pattern % 2 == 0 ? pattern : pattern + 1
      sources += [UInt32(1), 0x7FFF, 0x8000, 0x8001].map { Float(bitPattern: upper | $0) }
      expected += [pattern, pattern, even, pattern + 1]
    }
    #expect(narrow(level.kernels.f32_to_bf16, sources) == expected)
  }

  @Test("no NaN narrows to anything but a NaN of its sign", arguments: KernelLevel.offered)
  func narrowedNaN(level: KernelLevel) {
    let payloads: [UInt32] = [1, 0x1FFF, 0x2000, 0x7FFF, 0x8000, 0xFFFF, 0x3F_FFFF, 0x40_0000, 0x7F_FFFF]
    for sign in [UInt32(0), 0x8000_0000] {
      let sources = payloads.map { Float(bitPattern: sign | 0x7F80_0000 | $0) }
      for half in narrow(level.kernels.f32_to_f16, sources) {
        #expect(isHalfNaN(half) && UInt32(half & 0x8000) << 16 == sign)
      }
      for bfloat in narrow(level.kernels.f32_to_bf16, sources) {
        #expect(isBFloatNaN(bfloat) && UInt32(bfloat & 0x8000) << 16 == sign)
      }
    }
  }

  @Test("random bit patterns narrow as the scalar kernel does", arguments: KernelLevel.offered, aroundLanes)
  func equalsScalar(level: KernelLevel, count: Int) {
    for shift in [0, 1] {
      var random = SeededGenerator(seed: UInt64(count))
      let patterns = (0..<count).map { _ in random.next() }
      let floats = patterns.map { Float(bitPattern: UInt32(truncatingIfNeeded: $0)) }.filter { !$0.isNaN }
      let halves = patterns.map { UInt16(truncatingIfNeeded: $0) }.filter {
        !isHalfNaN($0) && !isBFloatNaN($0)
      }
      let fast = level.kernels
      let scalar = KernelLevel.scalar.kernels
      let note: Comment = "seed \(count), shift \(shift)"
      #expect(narrow(fast.f32_to_f16, floats, shift) == narrow(scalar.f32_to_f16, floats), note)
      #expect(narrow(fast.f32_to_bf16, floats, shift) == narrow(scalar.f32_to_bf16, floats), note)
      #expect(widen(fast.f16_to_f32, halves, shift) == widen(scalar.f16_to_f32, halves), note)
      #expect(widen(fast.bf16_to_f32, halves, shift) == widen(scalar.bf16_to_f32, halves), note)
    }
  }
}

private typealias Widening =
  @convention(c) (UnsafePointer<UInt16>?, UnsafeMutablePointer<Float>?, Int) -> Void
private typealias Narrowing =
  @convention(c) (UnsafePointer<Float>?, UnsafeMutablePointer<UInt16>?, Int) -> Void

private func widen(_ kernel: Widening, _ source: [UInt16], _ shift: Int = 0) -> [Float] {
  let from = GuardedBuffer(source, shift: shift)
  let target = GuardedBuffer([Float](repeating: 7, count: source.count), shift: shift)
  kernel(from.pointer, target.pointer, source.count)
  return target.values
}

private func narrow(_ kernel: Narrowing, _ source: [Float], _ shift: Int = 0) -> [UInt16] {
  let from = GuardedBuffer(source, shift: shift)
  let target = GuardedBuffer([UInt16](repeating: 7, count: source.count), shift: shift)
  kernel(from.pointer, target.pointer, source.count)
  return target.values
}

/// By the definition of binary16; nil for a NaN.
private func halfValue(_ pattern: UInt16) -> Float? {
  let exponent = Int(pattern >> 10 & 0x1F)
  let fraction = Float(pattern & 0x3FF)
  let magnitude: Float
  switch exponent {
  case 0x1F:
    guard fraction == 0 else { return nil }
    magnitude = .infinity
  case 0: magnitude = fraction * 0x1p-24
  default: magnitude = Float(sign: .plus, exponent: exponent - 15, significand: 1 + fraction / 1024)
  }
  return pattern & 0x8000 == 0 ? magnitude : -magnitude
}

private func isHalfNaN(_ pattern: UInt16) -> Bool { pattern & 0x7FFF > 0x7C00 }

private func isBFloatNaN(_ pattern: UInt16) -> Bool { pattern & 0x7FFF > 0x7F80 }
