/// Rounding to signed bytes. 1.5·2²³ added to a number below 2²² leaves the nearest integer, ties to even, in the low
/// bits: `rounded()` is a library call on baseline x86-64, and converting a NaN would trap.
extension Float {
  private static var offset: Float {
    @inline(__always) get { 12_582_912 }
  }

  /// The nearest integer to a number from −128 to 127; some integer for others and for NaN.
  @inline(__always)
  var nearestInt8: Int8 { Int8(truncatingIfNeeded: (self + Float.offset).bitPattern) }

  /// A number from −127 to 127 as `high + low/254`, to 1/508.
  @inline(__always)
  var limbs: (high: Int8, low: Int8) {
    let whole = self + Float.offset
    let rest = self - (whole - Float.offset)
    return (Int8(truncatingIfNeeded: whole.bitPattern), (rest * 254).nearestInt8)
  }
}
