import MoultModel
import MoultTesting
import Testing

@testable import MoultCompute

@Suite("int8 codes over a quantile")
struct ScalarQuantileTests {
  private func quantizer(
    _ quantile: Double?, dimension: Int, metric: Metric = .squaredEuclidean, on vectors: [Float]
  ) throws -> ScalarQuantizer {
    let specification = EncodingSpecification(quantization: .int8, quantile: quantile)
    let encoder = try VectorEncoder.trained(specification, dimension: dimension, metric: metric, on: vectors)
    return try #require(encoder.quantizer as? ScalarQuantizer)
  }

  @Test(
    "covers that part of the elements and no more", arguments: [0.5, 0.9, 0.99, 0.999], [20, 300, 2000])
  func coverage(quantile: Double, count: Int) throws {
    var random = SeededGenerator(seed: UInt64(count))
    let vectors = (0..<count * 7).map { Float($0 % 7) * 0.3 + Float($0 % 7 + 1) * random.gaussian() }
    let quantizer = try quantizer(quantile, dimension: 7, on: vectors)
    let distances = vectors.enumerated().map { abs($1 - quantizer.centre.values[$0 % 7]) }
    let wanted = Int((quantile * Double(vectors.count)).rounded(.up))
    let half = 127 * quantizer.step
    #expect(distances.count { $0 <= half * 1.000_01 } >= wanted)
    #expect(distances.count { $0 < half * 0.999_99 } < wanted)
  }

  @Test("a few far values do not widen the steps, and are clamped")
  func outliers() throws {
    var random = SeededGenerator(seed: 3)
    var vectors = random.gaussianFloats(count: 1000 * 10)
    vectors[42] = 1e6
    vectors[777] = -1e6
    let whole = try quantizer(nil, dimension: 10, on: vectors)
    let cut = try quantizer(0.999, dimension: 10, on: vectors)
    #expect(whole.step > 1000 && cut.step < 0.05)
    #expect(cut.centre.values.allSatisfy { abs($0) < 1 })
  }

  @Test("the whole quantile is the whole range")
  func whole() throws {
    var random = SeededGenerator(seed: 4)
    let vectors = random.gaussianFloats(count: 400 * 6)
    let (whole, one) = try (
      quantizer(nil, dimension: 6, on: vectors), quantizer(1, dimension: 6, on: vectors)
    )
    #expect(whole.step == one.step && whole.centre.values == one.centre.values)
  }

  @Test("dimensions that never vary are exact")
  func deadDimensions() throws {
    var random = SeededGenerator(seed: 5)
    let vectors = (0..<300 * 5).map { $0 % 5 == 2 ? Float(0.3) : random.gaussian() }
    let encoder = try VectorEncoder.trained(
      EncodingSpecification(quantization: .int8, quantile: 0.9), dimension: 5, metric: .squaredEuclidean,
      on: vectors)
    let coded = CodedVectors(encoder, vectors)
    for row in 0..<300 { #expect(encoder.decode(row: row, of: coded.view)[2] == 0.3) }
  }

  @Test("constant data still has codes", arguments: [0, 0.3, -700] as [Float])
  func constant(value: Float) throws {
    let vectors = [Float](repeating: value, count: 300 * 3)
    let quantizer = try quantizer(0.9, dimension: 3, on: vectors)
    #expect(quantizer.step > 0 && quantizer.centre.values == [value, value, value])
  }

  @Test("a rank found by counting is that of the sorted values", arguments: [1, 2, 3, 10, 1000])
  func ranks(count: Int) {
    var random = SeededGenerator(seed: UInt64(count))
    let values = (0..<count).map { UInt32(truncatingIfNeeded: random.next() >> UInt64($0 % 3 * 16)) }
    let sorted = values.sorted()
    for rank in [1, (count + 1) / 2, count] { #expect(Rank.value(rank, of: values) == sorted[rank - 1]) }
  }
}
