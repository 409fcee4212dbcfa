/// A scored row in one integer: the larger key is nearer; of equal scores the smaller row is nearer.
///
/// Bits 63 … 32 hold the score, mapped so that integers compare as the floats do; bits 31 … 1 hold
/// 2³¹ − 1 − row; bit 0 is free for the beam to mark what it has expanded. One comparison of integers
/// thus decides both score and tie, and a key is half the size of what it replaces.
enum GraphKey {
  static let expandedBit: UInt64 = 1

  @inline(__always)
  static func make(row: UInt32, score: Float) -> UInt64 {
    let bits = (score + 0).bitPattern  // −0 + 0 = +0: the two zeros tie
    let ordered = bits ^ (UInt32(bitPattern: Int32(bitPattern: bits) >> 31) | 0x8000_0000)
    return UInt64(ordered) << 32 | UInt64(0x7FFF_FFFF &- row) << 1
  }

  @inline(__always)
  static func row(_ key: UInt64) -> UInt32 {
    0x7FFF_FFFF &- UInt32(truncatingIfNeeded: key) >> 1
  }

  @inline(__always)
  static func score(_ key: UInt64) -> Float {
    let ordered = UInt32(truncatingIfNeeded: key >> 32)
    let bits = ordered & 0x8000_0000 != 0 ? ordered ^ 0x8000_0000 : ~ordered
    return Float(bitPattern: bits)
  }
}
