import MoultModel
import MoultTesting
import Testing

@testable import MoultCompute

@Suite("int8 codes")
struct ScalarQuantizerTests {
  private let int8 = EncodingSpecification(quantization: .int8)

  @Test("decoding an encoded vector comes within half a step", arguments: boundaryDimensions)
  func decodesWithinHalfAStep(dimension: Int) throws {
    var random = SeededGenerator(seed: UInt64(dimension))
    let vectors = random.gaussianFloats(count: 20 * dimension)
    let encoder = try VectorEncoder.trained(
      int8, dimension: dimension, metric: .squaredEuclidean, on: vectors)
    let step = (encoder.report.rangeUpper! - encoder.report.rangeLower!) / 255
    let coded = CodedVectors(encoder, vectors)
    for row in 0..<20 {
      let decoded = encoder.decode(row: row, of: coded.view)
      for j in 0..<dimension {
        #expect(abs(decoded[j] - vectors[row * dimension + j]) <= step * 0.5001)
      }
    }
  }

  @Test("a decoded vector has the length of the original", arguments: [Metric.cosine, .innerProduct])
  func keepsLength(metric: Metric) throws {
    var random = SeededGenerator(seed: 5)
    let vectors = random.gaussianFloats(count: 50 * 30)
    // Trained on half the range, so that many values are clamped.
    let encoder = try VectorEncoder.trained(
      int8, dimension: 30, metric: metric, on: vectors.map { $0 / 2 })
    let coded = CodedVectors(encoder, vectors)
    for row in 0..<50 {
      let length = metric == .cosine ? 1 : norm(vectors[row * 30..<(row + 1) * 30])
      #expect(abs(norm(encoder.decode(row: row, of: coded.view)) - length) < 1e-5 * length)
    }
  }

  @Test("scores are those of the decoded vectors", arguments: boundaryDimensions, Metric.allCases)
  func scoresDecoded(dimension: Int, metric: Metric) throws {
    var random = SeededGenerator(seed: UInt64(dimension))
    let count = 300
    let vectors = random.gaussianFloats(count: count * dimension)
    let encoder = try VectorEncoder.trained(int8, dimension: dimension, metric: metric, on: vectors)
    let coded = CodedVectors(encoder, vectors)
    var query = random.gaussianFloats(count: dimension)
    let scores = coded.scores(encoder.prepare(query))
    if metric == .cosine { VectorNorm.normalize(query, dimension, into: &query) }
    for row in stride(from: 0, to: count, by: 13) {
      let decoded = encoder.decode(row: row, of: coded.view)
      let expected =
        metric == .squaredEuclidean
        ? Oracle.score(query[...], decoded[...], metric) : Oracle.dot(query[...], decoded[...])
      // Two limbs leave an error of 1/500 of a step's; the rest is float32 rounding.
      let scale = norm(query) * (norm(query) + norm(decoded)) + 1
      #expect(abs(Double(scores[row]) - expected) < 1e-4 * scale, "row \(row)")
    }
  }

  @Test("the query's rounding disappears beside the codes'")
  func queryIsPrecise() throws {
    var random = SeededGenerator(seed: 6)
    let vectors = random.gaussianFloats(count: 500 * 384)
    let encoder = try VectorEncoder.trained(int8, dimension: 384, metric: .cosine, on: vectors)
    let coded = CodedVectors(encoder, vectors)
    let query = random.unitVector(dimension: 384)
    let scores = coded.scores(encoder.prepare(query))
    var codeError = 0.0
    var queryError = 0.0
    for row in 0..<500 {
      let decoded = Oracle.dot(query[...], encoder.decode(row: row, of: coded.view)[...])
      let exact = Oracle.score(query[...], vectors[row * 384..<(row + 1) * 384], .cosine)
      codeError += (decoded - exact) * (decoded - exact)
      queryError += (Double(scores[row]) - decoded) * (Double(scores[row]) - decoded)
    }
    #expect(queryError < 1e-4 * codeError)
  }

  @Test("dimensions that never vary are right", arguments: Metric.allCases)
  func deadDimensions(metric: Metric) throws {
    var random = SeededGenerator(seed: 7)
    let vectors = (0..<100 * 20).map { $0 % 20 == 3 ? 0 : $0 % 20 == 8 ? 0.25 : random.gaussian() }
    let encoder = try VectorEncoder.trained(int8, dimension: 20, metric: metric, on: vectors)
    let coded = CodedVectors(encoder, vectors)
    let scores = coded.scores(encoder.prepare(Array(vectors[..<20])))
    for (row, exact) in Oracle.scores(vectors[..<20], vectors, metric).enumerated() {
      #expect(abs(Double(scores[row]) - exact) < 0.01 * max(1, abs(exact)) + 0.2)
    }
    #expect(Oracle.nearest(scores.map(Double.init), k: 1) == [0] || metric == .innerProduct)
  }

  @Test(
    "constant data decodes to itself, and other data still has codes",
    arguments: [0, 1, -1, 0.3, -700, 1e-20, 1e30] as [Float])
  func constantData(value: Float) throws {
    let constant = [Float](repeating: value, count: 40)
    let encoder = try VectorEncoder.trained(int8, dimension: 4, metric: .squaredEuclidean, on: constant)
    let other = [value, value == 0 ? 0.5 : value * 1.5, 0, value]
    let coded = CodedVectors(encoder, constant + other)
    #expect(encoder.decode(row: 0, of: coded.view).allSatisfy { abs($0 - value) <= abs(value) * 1e-6 })
    let decoded = encoder.decode(row: 10, of: coded.view)
    #expect(abs(decoded[1] - other[1]) <= abs(other[1]) * 0.02)
    #expect(coded.scores(encoder.prepare(other)).allSatisfy { $0.isFinite })
  }

  @Test(
    "a zero vector scores 0 under cosine and inner product",
    arguments: [Metric.cosine, .innerProduct])
  func zeroVector(metric: Metric) throws {
    var random = SeededGenerator(seed: 8)
    let vectors = random.gaussianFloats(count: 9 * 16) + [Float](repeating: 0, count: 16)
    let encoder = try VectorEncoder.trained(int8, dimension: 16, metric: metric, on: vectors)
    let scores = CodedVectors(encoder, vectors).scores(encoder.prepare(Array(vectors[..<16])))
    #expect(scores[9] == 0)
  }

  @Test("its standard error is what is measured", arguments: Metric.allCases)
  func standardError(metric: Metric) throws {
    var random = SeededGenerator(seed: 9)
    let count = 2000
    let vectors = (0..<count).flatMap { _ in random.unitVector(dimension: 128) }
    let encoder = try VectorEncoder.trained(int8, dimension: 128, metric: metric, on: vectors)
    let coded = CodedVectors(encoder, vectors)
    let query = random.unitVector(dimension: 128)
    let prepared = encoder.prepare(query)
    let scores = coded.scores(prepared)
    var errors = [Float](repeating: .nan, count: count)
    encoder.standardErrors(prepared, coded.view, first: 0, count: count, into: &errors)
    let normalized = Oracle.scores(query[...], vectors, metric).enumerated().map {
      (Double(scores[$0]) - $1) / Double(errors[$0])
    }
    let variance = normalized.reduce(0) { $0 + $1 * $1 } / Double(count)
    #expect((0.85...1.15).contains(variance.squareRoot()))
  }
}
