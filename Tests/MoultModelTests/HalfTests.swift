import MoultModel
import MoultTesting
import Testing

@Suite("Half")
struct HalfTests {
  /// The definition, term by term.
  static func value(of half: UInt16) -> Double {
    let sign: Double = half & 0x8000 == 0 ? 1 : -1
    let exponent = Int(half >> 10 & 0x1F)
    let fraction = Double(half & 0x3FF) / 1024
    switch exponent {
    case 0: return sign * fraction * 0x1p-14
    case 31: return fraction == 0 ? sign * .infinity : .nan
    default: return sign * (1 + fraction) * Double(sign: .plus, exponent: exponent - 15, significand: 1)
    }
  }

  @Test("every half widens to its exact value")
  func widensExactly() {
    for half in UInt16.min...UInt16.max {
      let widened = Half.widened(half)
      let expected = Self.value(of: half)
      let isRight =
        expected.isNaN
        ? widened.isNaN
        : Double(widened) == expected && widened.sign == (half & 0x8000 == 0 ? .plus : .minus)
      if !isRight { Issue.record("\(half) widened to \(widened), expected \(expected)") }
    }
  }

  @Test("every half survives widening and narrowing, NaN with its payload")
  func roundTrip() {
    for half in UInt16.min...UInt16.max where Half.narrowed(Half.widened(half)) != half {
      Issue.record("\(half) came back as \(Half.narrowed(Half.widened(half)))")
    }
  }

  @Test("between neighbours the nearer one is taken, in the middle the even one")
  func roundsToNearestEven() {
    for half in UInt16(0)..<0x7C00 {
      let low = Half.widened(half)
      // Infinity stands where the next half would be.
      let high = half == 0x7BFF ? 65_536 : Half.widened(half + 1)
      let middle = low + (high - low) / 2
      let even = half & 1 == 0 ? half : half + 1
      let narrowed = [middle, middle.nextDown, middle.nextUp, -middle].map(Half.narrowed)
      if narrowed != [even, half, half + 1, even | 0x8000] { Issue.record("around \(half): \(narrowed)") }
    }
  }

  @Test("large, small and special floats narrow as IEEE 754 says")
  func extremes() {
    #expect(Half.narrowed(65_504) == 0x7BFF)
    #expect(Half.narrowed(65_519.996) == 0x7BFF)
    #expect(Half.narrowed(65_520) == 0x7C00)
    #expect(Half.narrowed(.greatestFiniteMagnitude) == 0x7C00)
    #expect(Half.narrowed(-.infinity) == 0xFC00)
    #expect(Half.narrowed(.leastNonzeroMagnitude) == 0)
    #expect(Half.narrowed(-0.0) == 0x8000)
    #expect(Half.narrowed(0x1p-25) == 0)
    #expect(Half.narrowed((0x1p-25 as Float).nextUp) == 1)
    // A payload that stands below what a half keeps must not become infinity.
    #expect(Half.narrowed(Float(bitPattern: 0x7F80_0001)) == 0x7E00)
    #expect(Half.narrowed(Float(bitPattern: 0xFFC0_0000)) == 0xFE00)
  }

  #if !os(macOS) || arch(arm64)
    @Test("agrees with Swift's Float16 on random floats of every magnitude")
    func agreesWithFloat16() {
      var random = SeededGenerator(seed: 16)
      for _ in 0..<200_000 {
        let significand = 1 + Float(random.next() >> 41) * 0x1p-23
        let value = Float(sign: .plus, exponent: Int(random.next() % 44) - 27, significand: significand)
        if Half.narrowed(value) != Float16(value).bitPattern { Issue.record("\(value)") }
      }
    }
  #endif
}
