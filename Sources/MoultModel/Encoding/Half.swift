/// IEEE 754 binary16 to float32 and back, over all 65 536 patterns.
///
/// Written on integers so that the compiler vectorizes it: Swift's `Float16` calls a library function a
/// value on x86-64 without F16C.
package enum Half {
  /// The value of a half; exact, and NaN keeps its payload.
  ///
  /// Exponent and fraction move to float32's places, which reads as the value times 2⁻¹¹²; the
  /// multiplication is exact and takes care of subnormals. Infinity and NaN only need all exponent bits.
  @inlinable @inline(__always)
  package static func widened(_ half: UInt16) -> Float {
    let magnitude = UInt32(half & 0x7FFF) << 13
    let scaled = (Float(bitPattern: magnitude) * 0x1p112).bitPattern
    let special: UInt32 = magnitude >= 0x0F80_0000 ? 0x7F80_0000 : 0  // 0x7C00 << 13
    return Float(bitPattern: scaled | special | UInt32(half & 0x8000) << 16)
  }

  /// The nearest half, ties to even; infinite from 65 520 on. NaN keeps the upper bits of its payload, so
  /// `narrowed(widened(h)) == h` for every pattern.
  @inlinable @inline(__always)
  package static func narrowed(_ value: Float) -> UInt16 {
    let bits = value.bitPattern
    let sign = UInt16(truncatingIfNeeded: bits >> 16) & 0x8000
    let magnitude = bits & 0x7FFF_FFFF
    if magnitude >= 0x4780_0000 {  // 65 536 and above, infinity, NaN
      guard magnitude > 0x7F80_0000 else { return sign | 0x7C00 }
      let payload = UInt16(truncatingIfNeeded: magnitude >> 13) & 0x03FF
      return sign | 0x7C00 | (payload == 0 ? 0x0200 : payload)
    }
    if magnitude < 0x3880_0000 {  // below 2⁻¹⁴: subnormal
      // Added to 0.5 the value's last place is 2⁻²⁴, the half's; the sum is rounded by the processor.
      let sum = (Float(bitPattern: magnitude) + 0.5).bitPattern
      return sign | UInt16(truncatingIfNeeded: sum - 0x3F00_0000)
    }
    // Just under half a last place is added, one more when the kept part is odd; then the exponent's bias
    // falls from 127 to 15. A carry out of the fraction is the right next exponent, up to infinity.
    let rounded = magnitude &+ 0x0FFF &+ (magnitude >> 13 & 1) &- 0x3800_0000
    return sign | UInt16(truncatingIfNeeded: rounded >> 13)
  }

  /// - Returns: the first index whose finite value is too large for a half, if there is one.
  package static func narrow(_ floats: UnsafeBufferPointer<Float>, into halves: UnsafeMutablePointer<UInt16>)
    -> Int?
  {
    for index in 0..<floats.count {
      halves[index] = narrowed(floats[index])
      if halves[index] & 0x7FFF == 0x7C00 && floats[index].isFinite { return index }
    }
    return nil
  }
}
