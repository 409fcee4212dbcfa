import MoultTesting
import Testing

@testable import MoultCompute

@Suite("Vector norms")
struct VectorNormTests {
  @Test(
    "normalizing makes unit length at every magnitude that float32 has",
    arguments: boundaryDimensions, [1, 1e-20, 1e20, 1e-38, 3e38, 0x1p-146] as [Float])
  func normalizes(dimension: Int, magnitude: Float) {
    var random = SeededGenerator(seed: UInt64(dimension))
    var vector = random.floats(count: dimension, range: -1...1).map { $0 * magnitude }
    vector[0] = magnitude
    var unit = [Float](repeating: .nan, count: dimension)
    VectorNorm.normalize(vector, dimension, into: &unit)
    #expect(abs(norm(unit) - 1) < 1e-6)
  }

  @Test("the zero vector stays zero and has inverse norm 0")
  func keepsZero() {
    var unit: [Float] = [.nan, .nan, .nan]
    VectorNorm.normalize([0, -0.0, 0], 3, into: &unit)
    #expect(unit == [0, 0, 0])
    #expect(VectorNorm.inverse(fromSquared: 0) == 0)
  }

  @Test("an inverse norm is finite even for denormal vectors")
  func inverseIsFinite() {
    let tiny: [Float] = [.leastNonzeroMagnitude]
    #expect(VectorNorm.inverse(fromSquared: VectorNorm.squared(tiny, 1)).isFinite)
  }
}
