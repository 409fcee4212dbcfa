import MoultTesting
import Testing

@testable import MoultCompute

@Suite("Random rotation")
struct RandomRotationTests {
  static let dimensions = [64, 128, 192, 320, 384, 448, 1024, 1088]

  @Test("keeps inner products", arguments: dimensions)
  func isOrthonormal(dimension: Int) {
    var random = SeededGenerator(seed: UInt64(dimension))
    let rotation = RandomRotation(dimension: dimension, seed: 9)
    var a = random.unitVector(dimension: dimension)
    var b = random.unitVector(dimension: dimension)
    let before = Oracle.dot(a[...], b[...])
    rotation.apply(&a)
    rotation.apply(&b)
    #expect(abs(Oracle.dot(a[...], b[...]) - before) < 1e-5)
    #expect(abs(norm(a) - 1) < 1e-5)
  }

  @Test("is undone by its inverse", arguments: dimensions)
  func inverts(dimension: Int) {
    var random = SeededGenerator(seed: UInt64(dimension))
    let rotation = RandomRotation(dimension: dimension, seed: 10)
    let original = random.unitVector(dimension: dimension)
    var vector = original
    rotation.apply(&vector)
    #expect(zip(vector, original).contains { abs($0 - $1) > 0.01 })
    rotation.applyInverse(&vector)
    for (a, b) in zip(vector, original) { #expect(abs(a - b) < 1e-5) }
  }

  @Test("spreads a single coordinate over all", arguments: dimensions)
  func spreads(dimension: Int) {
    let rotation = RandomRotation(dimension: dimension, seed: 11)
    for index in [0, dimension / 2, dimension - 1] {
      var vector = [Float](repeating: 0, count: dimension)
      vector[index] = 1
      rotation.apply(&vector)
      // A Gaussian of variance 1/D passes 6 standard deviations once in 5·10⁸.
      #expect(vector.map(abs).max()! < 6 / Float(dimension).squareRoot())
    }
  }

  @Test("of one seed is the same for ever: these bits are in stored codes")
  func isPinned() {
    var vector = (0..<192).map { Float($0 % 7) - 3 }
    RandomRotation(dimension: 192, seed: 42).apply(&vector)
    let bits = vector.prefix(64).enumerated().reduce(UInt64(0)) {
      $0 | ($1.element > 0 ? 1 << UInt64($1.offset) : 0)
    }
    #expect(bits == 6_997_924_563_576_702_235)
  }

  /// Computed before the rotation became a kernel. Padding counts: 1000 entries are rotated as 1024.
  static let pinnedHashes: [(dimension: Int, hash: UInt64)] = [
    (64, 12_635_230_172_107_989_951),
    (128, 13_141_639_049_937_006_914),
    (192, 17_675_701_453_991_654_833),
    (384, 13_703_748_574_359_619_392),
    (1000, 803_065_824_159_383_210),
    (1536, 6_571_511_541_279_187_448),
  ]

  @Test("gives the very bits that version 1 gave", arguments: pinnedHashes)
  func isPinnedBitByBit(dimension: Int, hash: UInt64) {
    var random = SeededGenerator(seed: UInt64(dimension))
    let padded = RandomRotation.paddedDimension(dimension)
    var vector = random.floats(count: dimension) + [Float](repeating: 0, count: padded - dimension)
    RandomRotation(dimension: padded, seed: 42).apply(&vector)
    #expect(fnv1a(vector) == hash)
  }
}

/// 64-bit FNV-1a of the bytes.
private func fnv1a(_ values: [Float]) -> UInt64 {
  values.withUnsafeBytes { bytes in
    bytes.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
  }
}
