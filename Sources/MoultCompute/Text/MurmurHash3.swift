/// MurmurHash3 for 32 bits (Austin Appleby, public domain, 2011).
enum MurmurHash3 {
  static func hash(_ bytes: some Sequence<UInt8>, seed: UInt32 = 0) -> UInt32 {
    var (hash, block, count) = (seed, UInt32(0), UInt32(0))
    for byte in bytes {
      block |= UInt32(byte) << (8 * (count & 3))
      count &+= 1
      guard count & 3 == 0 else { continue }
      hash ^= scrambled(block)
      hash = rotated(hash, 13) &* 5 &+ 0xE654_6B64
      block = 0
    }
    // Of what is left over no byte, or up to three.
    hash ^= scrambled(block)
    hash ^= count
    hash = (hash ^ hash >> 16) &* 0x85EB_CA6B
    hash = (hash ^ hash >> 13) &* 0xC2B2_AE35
    return hash ^ hash >> 16
  }

  private static func scrambled(_ block: UInt32) -> UInt32 {
    rotated(block &* 0xCC9E_2D51, 15) &* 0x1B87_3593
  }

  private static func rotated(_ word: UInt32, _ bits: UInt32) -> UInt32 { word << bits | word >> (32 - bits) }
}
