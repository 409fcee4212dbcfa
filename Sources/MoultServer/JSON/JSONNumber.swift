import MoultModel

/// A number of a JSON text in decimal: `±digits × 10^exponent`, still exact.
struct JSONNumber {
  var isNegative: Bool
  /// All digits as one integer; meaningful only where `isExact`.
  var digits: UInt64
  var exponent: Int
  /// Whether all digits fit `digits`: at most nineteen without leading zeros.
  var isExact: Bool
  /// Whether there was neither fraction nor exponent.
  var isInteger: Bool
  /// Where it stands in the text.
  var text: Range<Int>
}

extension JSONScanner {
  /// Moves over a number and takes it apart. The place must hold '-' or a digit.
  @inline(__always)
  mutating func number() throws(JSONError) -> JSONNumber {
    let start = offset
    var at = offset
    let base = base
    let count = count

    let isNegative = at < count && base[at] == UInt8(ascii: "-")
    if isNegative { at += 1 }
    let firstDigit = at
    var digits: UInt64 = 0
    Self.accumulate(&digits, base, &at, count)
    let integerDigits = at - firstDigit
    if integerDigits == 0 { throw failure(at: at, expected: "a digit") }
    if integerDigits > 1 && base[firstDigit] == UInt8(ascii: "0") {
      throw failure(at: firstDigit + 1, expected: "no digit after a leading zero")
    }

    var exponent = 0
    var isInteger = true
    var digitCount = integerDigits
    if at < count && base[at] == UInt8(ascii: ".") {
      isInteger = false
      at += 1
      let fraction = at
      Self.accumulate(&digits, base, &at, count)
      if at == fraction { throw failure(at: at, expected: "a digit") }
      exponent = fraction - at
      digitCount += at - fraction
    }
    if at < count && base[at] | 0x20 == UInt8(ascii: "e") {
      isInteger = false
      at += 1
      var isBelowZero = false
      if at < count && (base[at] == UInt8(ascii: "-") || base[at] == UInt8(ascii: "+")) {
        isBelowZero = base[at] == UInt8(ascii: "-")
        at += 1
      }
      let firstOfExponent = at
      var written = 0
      while at < count, case let digit = base[at] &- 0x30, digit < 10 {
        // Held far outside of every type's range, and far from overflow.
        if written < 1_000_000 { written = written &* 10 &+ Int(digit) }
        at += 1
      }
      if at == firstOfExponent { throw failure(at: at, expected: "a digit") }
      exponent += isBelowZero ? -written : written
    }

    // 10¹⁹ − 1 < 2⁶⁴: nineteen digits always fit.
    var isExact = digitCount <= 19
    if !isExact {
      var leading = firstDigit
      while leading < at, base[leading] == UInt8(ascii: "0") || base[leading] == UInt8(ascii: ".") {
        if base[leading] == UInt8(ascii: "0") { digitCount -= 1 }
        leading += 1
      }
      isExact = digitCount <= 19
    }
    offset = at
    return JSONNumber(
      isNegative: isNegative, digits: digits, exponent: exponent, isExact: isExact, isInteger: isInteger,
      text: start..<at)
  }

  /// Takes in decimal digits from `at` on, eight at a time where there are as many.
  @inline(__always)
  private static func accumulate(
    _ digits: inout UInt64, _ base: UnsafePointer<UInt8>, _ at: inout Int, _ count: Int
  ) {
    while at + 8 <= count {
      let word = UInt64(littleEndian: UnsafeRawPointer(base + at).loadUnaligned(as: UInt64.self))
      guard isEightDigits(word) else { break }
      digits = digits &* 100_000_000 &+ valueOfEightDigits(word)
      at += 8
    }
    while at < count, case let digit = base[at] &- 0x30, digit < 10 {
      digits = digits &* 10 &+ UInt64(digit)
      at += 1
    }
  }

  /// Whether all eight bytes are '0' … '9': high nibble 3 before and after adding 6.
  @inline(__always)
  private static func isEightDigits(_ word: UInt64) -> Bool {
    let nibbles: UInt64 = 0xF0F0_F0F0_F0F0_F0F0
    let threes: UInt64 = 0x3030_3030_3030_3030
    return (word & nibbles) == threes && ((word &+ 0x0606_0606_0606_0606) & nibbles) == threes
  }

  /// Pairs, then fours, then all eight: three multiplications (Mula; Lemire, "Number Parsing at a
  /// Gigabyte per Second", 2021).
  @inline(__always)
  private static func valueOfEightDigits(_ word: UInt64) -> UInt64 {
    let mask: UInt64 = 0x0000_00FF_0000_00FF
    let hundreds: UInt64 = 0x000F_4240_0000_0064  // 100 + (1 000 000 << 32)
    let ones: UInt64 = 0x0000_2710_0000_0001  // 1 + (10 000 << 32)
    let digits = word &- 0x3030_3030_3030_3030
    let pairs = (digits &* 10) &+ (digits >> 8)
    return ((pairs & mask) &* hundreds &+ ((pairs >> 16) & mask) &* ones) >> 32
  }
}

/// Powers of ten, 10⁰ … 10⁶⁴, as doubles rounded correctly; the first 23 are exact.
struct PowersOfTen: Sendable {
  static let exponentMax = 64
  // Never freed; a bare pointer spares the array's checks in the innermost loop.
  nonisolated(unsafe) private let table: UnsafeMutablePointer<Double>

  static let shared = PowersOfTen()

  private init() {
    table = .allocate(capacity: Self.exponentMax + 1)
    for exponent in 0...Self.exponentMax {
      (table + exponent).initialize(to: Double("1e\(exponent)")!)
    }
  }

  @inline(__always)
  subscript(exponent: Int) -> Double { table[exponent] }
}

extension JSONNumber {
  /// The nearest float32, ties to even; infinite when it is out of range.
  ///
  /// The quotient (or product) `d` of the digits and a power of ten is computed in double. Conversion of
  /// the digits, the power and the division each err by at most half a unit in the last place, so `d` is
  /// within 4 of its own units of the true value. Rounding to float32 gives the same for both unless a
  /// midpoint of two neighbouring floats lies between them. Midpoints are the doubles whose low 29 bits
  /// (53 − 24) are `1 << 28`; nearer than 8 units to one the whole text is converted exactly instead. So
  /// are subnormal floats, whose midpoints lie elsewhere, more than 19 digits and far exponents.
  @inline(__always)
  func float(in base: UnsafePointer<UInt8>, _ powers: PowersOfTen) -> Float {
    if isExact && exponent >= -PowersOfTen.exponentMax && exponent <= 38 {
      let d =
        exponent < 0 ? Double(digits) / powers[-exponent] : Double(digits) * powers[exponent]
      let toMidpoint = Int64(d.bitPattern & 0x1FFF_FFFF) - 0x1000_0000
      if d >= 0x1p-126 && d < 0x1p128 && abs(toMidpoint) > 8 {
        return isNegative ? -Float(d) : Float(d)
      }
      if digits == 0 { return isNegative ? -0.0 : 0.0 }
    }
    return slowFloat(in: base)
  }

  @inline(never)
  private func slowFloat(in base: UnsafePointer<UInt8>) -> Float {
    Float(string(in: base)) ?? .infinity
  }

  /// The nearest double, ties to even; infinite when it is out of range.
  ///
  /// Digits below 2⁵³ and powers up to 10²² are exact doubles, so one operation rounds once (Clinger 1990).
  func double(in base: UnsafePointer<UInt8>, _ powers: PowersOfTen) -> Double {
    if isExact && digits <= 1 << 53 && abs(exponent) <= 22 {
      let magnitude =
        exponent < 0 ? Double(digits) / powers[-exponent] : Double(digits) * powers[exponent]
      return isNegative ? -magnitude : magnitude
    }
    return Double(string(in: base)) ?? .infinity
  }

  /// The number as an integer, if it is written as one and fits.
  var int64: Int64? {
    guard isInteger, isExact else { return nil }
    if isNegative { return digits <= 1 << 63 ? Int64(truncatingIfNeeded: 0 &- digits) : nil }
    return Int64(exactly: digits)
  }

  /// The number as an integer that fits 64 bits only without a sign.
  func large(in base: UnsafePointer<UInt8>) -> UInt64? {
    // 2⁶³ has nineteen digits, 2⁶⁴ − 1 has twenty, which `digits` may not hold.
    guard isInteger, !isNegative, (19...20).contains(text.count) else { return nil }
    return UInt64(string(in: base)).flatMap { $0 > UInt64(Int64.max) ? $0 : nil }
  }

  private func string(in base: UnsafePointer<UInt8>) -> String {
    String(decoding: UnsafeBufferPointer(start: base + text.lowerBound, count: text.count), as: UTF8.self)
  }
}
