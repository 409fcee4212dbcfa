import MoultModel
import MoultTesting
import Testing

@testable import MoultCompute

@Suite("16-bit float codes")
struct HalfQuantizerTests {
  @Test("a row is Float16 of each entry, rounded to nearest", arguments: boundaryDimensions)
  func float16IsTheType(dimension: Int) throws {
    var random = SeededGenerator(seed: UInt64(dimension))
    let vectors = random.gaussianFloats(count: 3 * dimension)
    let encoder = try VectorEncoder.trained(
      EncodingSpecification(quantization: .float16), dimension: dimension, metric: .squaredEuclidean, on: [])
    #expect(encoder.rowBytes == 2 * dimension && encoder.sideBytes == 0)
    let coded = CodedVectors(encoder, vectors)
    for (i, value) in vectors.enumerated() {
      let bits = coded.rows.load(fromByteOffset: 2 * i, as: UInt16.self)
      #expect(bits == Float16(value).bitPattern, "entry \(i), \(value)")
    }
    let decoded = (0..<3).flatMap { encoder.decode(row: $0, of: coded.view) }
    #expect(decoded == vectors.map { Float(Float16($0)) })
  }

  @Test("bfloat16 keeps the upper half, rounded to nearest, ties to even", arguments: boundaryDimensions)
  func bfloat16IsTheUpperHalf(dimension: Int) throws {
    var random = SeededGenerator(seed: UInt64(dimension))
    var vectors = random.gaussianFloats(count: 2 * dimension)
    vectors[0] = Float(bitPattern: 0x3F80_8000)  // midway, down to even
    vectors[dimension] = Float(bitPattern: 0x3F81_8000)  // midway, up to even
    let encoder = try VectorEncoder.trained(
      EncodingSpecification(quantization: .bfloat16), dimension: dimension, metric: .squaredEuclidean, on: [])
    let coded = CodedVectors(encoder, vectors)
    #expect(coded.rows.load(as: UInt16.self) == 0x3F80)
    #expect(coded.rows.load(fromByteOffset: 2 * dimension, as: UInt16.self) == 0x3F82)
    for (i, value) in vectors.enumerated() {
      let bits = coded.rows.load(fromByteOffset: 2 * i, as: UInt16.self)
      let stored = Float(bitPattern: UInt32(bits) << 16)
      let neighbours = [bits &- 1, bits &+ 1].map { Float(bitPattern: UInt32($0) << 16) }
      for other in neighbours { #expect(abs(stored - value) <= abs(other - value)) }
    }
  }

  @Test(
    "values too large are clamped, never infinite",
    arguments: [65_504, 65_519, 65_520, 70_000, 1e10, 3.4e38] as [Float], [1, -1] as [Float])
  func clamps(value: Float, sign: Float) throws {
    for (quantization, largest) in [(Quantization.float16, Float(65_504)), (.bfloat16, 0x1.FEp127)] {
      let encoder = try VectorEncoder.trained(
        EncodingSpecification(quantization: quantization), dimension: 1, metric: .squaredEuclidean, on: [])
      let coded = CodedVectors(encoder, [sign * value])
      let decoded = encoder.decode(row: 0, of: coded.view)[0]
      let expected = sign * min(value, largest)
      #expect(decoded.isFinite && abs(decoded - expected) <= abs(expected) / 256)
      if value > largest { #expect(decoded == expected) }
    }
  }

  @Test(
    "a decoded vector has the length of the original, clamped or not",
    arguments: [Quantization.float16, .bfloat16], [Metric.cosine, .innerProduct])
  func keepsLength(quantization: Quantization, metric: Metric) throws {
    var random = SeededGenerator(seed: 5)
    let encoder = try VectorEncoder.trained(
      EncodingSpecification(quantization: quantization), dimension: 600, metric: metric, on: [])
    #expect(encoder.sideBytes == 4)
    for scale in [1, 1e5, 1e-3, 1e30] as [Float] {
      let vector = random.gaussianFloats(count: 600).map { scale * $0 }
      let coded = CodedVectors(encoder, vector)
      let decoded = encoder.decode(row: 0, of: coded.view)
      let length = metric == .cosine ? 1 : norm(vector)
      #expect(abs(norm(decoded) - length) < 1e-6 * length)
    }
    let zero = CodedVectors(encoder, [Float](repeating: 0, count: 600))
    #expect(zero.scores(encoder.prepare([Float](repeating: 1, count: 600))) == [0])
  }

  @Test(
    "scores are those of the decoded vectors", arguments: [Quantization.float16, .bfloat16],
    boundaryDimensions)
  func scoresDecoded(quantization: Quantization, dimension: Int) throws {
    var random = SeededGenerator(seed: UInt64(dimension))
    let vectors = random.gaussianFloats(count: 40 * dimension)
    for metric in Metric.allCases {
      let encoder = try VectorEncoder.trained(
        EncodingSpecification(quantization: quantization), dimension: dimension, metric: metric, on: [])
      let coded = CodedVectors(encoder, vectors)
      var query = random.gaussianFloats(count: dimension)
      let scores = coded.scores(encoder.prepare(query))
      if metric == .cosine { VectorNorm.normalize(query, dimension, into: &query) }
      for row in 0..<40 {
        let decoded = encoder.decode(row: row, of: coded.view)
        let expected =
          metric == .squaredEuclidean
          ? Oracle.score(query[...], decoded[...], metric) : Oracle.dot(query[...], decoded[...])
        let scale = norm(query) * (norm(query) + norm(decoded)) + 1
        #expect(abs(Double(scores[row]) - expected) < 1e-5 * scale)
      }
    }
  }

  @Test(
    "its standard error is what is measured", arguments: [Quantization.float16, .bfloat16],
    Metric.allCases)
  func standardError(quantization: Quantization, metric: Metric) throws {
    var random = SeededGenerator(seed: 9)
    let count = 2000
    let vectors = (0..<count).flatMap { _ in random.unitVector(dimension: 128) }
    let encoder = try VectorEncoder.trained(
      EncodingSpecification(quantization: quantization), dimension: 128, metric: metric, on: [])
    let coded = CodedVectors(encoder, vectors)
    let query = random.unitVector(dimension: 128)
    let prepared = encoder.prepare(query)
    var errors = [Float](repeating: .nan, count: count)
    encoder.standardErrors(prepared, coded.view, first: 0, count: count, into: &errors)
    // In double: float32 arithmetic adds errors of its own.
    let normalized = (0..<count).map { row in
      let decoded = encoder.decode(row: row, of: coded.view)
      let (exact, own) =
        metric == .squaredEuclidean
        ? (
          Oracle.score(query[...], vectors[row * 128..<(row + 1) * 128], metric),
          Oracle.score(query[...], decoded[...], metric)
        )
        : (
          Oracle.dot(query[...], vectors[row * 128..<(row + 1) * 128]),
          Oracle.dot(query[...], decoded[...])
        )
      return (own - exact) / Double(errors[row])
    }
    let variance = normalized.reduce(0) { $0 + $1 * $1 } / Double(count)
    #expect((0.9...1.1).contains(variance.squareRoot()), "\(variance.squareRoot())")
  }
}
