import MoultModel
import MoultTesting
import Testing

@testable import MoultCompute

@Suite("Binary codes")
struct BinaryQuantizerTests {
  private let binary = EncodingSpecification(quantization: .binary)

  /// Unit vectors around a common direction, for a centre that matters.
  private func vectors(count: Int, dimension: Int, random: inout SeededGenerator) -> [Float] {
    let common = random.unitVector(dimension: dimension)
    return (0..<count).flatMap { _ in
      var vector = zip(random.unitVector(dimension: dimension), common).map { $0 + 0.7 * $1 }
      VectorNorm.normalize(vector, dimension, into: &vector)
      return vector
    }
  }

  @Test(
    "scores are unbiased over rotations, and their errors are normal with the stated standard error",
    arguments: Metric.allCases, [64, 100, 384])
  func isUnbiased(metric: Metric, dimension: Int) throws {
    var random = SeededGenerator(seed: UInt64(dimension))
    let count = 40
    let vectors = vectors(count: count, dimension: dimension, random: &random)
    let query = self.vectors(count: 1, dimension: dimension, random: &random)
    let exact = Oracle.scores(query[...], vectors, metric)
    var normalized: [Double] = []
    for seed in 0..<50 {
      let encoder = try VectorEncoder.trained(
        binary, dimension: dimension, metric: metric, on: vectors, seed: UInt64(seed))
      let coded = CodedVectors(encoder, vectors)
      let prepared = encoder.prepare(query)
      let scores = coded.scores(prepared)
      var errors = [Float](repeating: .nan, count: count)
      encoder.standardErrors(prepared, coded.view, first: 0, count: count, into: &errors)
      for row in 0..<count { normalized.append((Double(scores[row]) - exact[row]) / Double(errors[row])) }
    }
    let n = Double(normalized.count)
    let mean = normalized.reduce(0, +) / n
    let deviation = (normalized.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / n).squareRoot()
    // Scores under one rotation share the query, so count rotations and rows, not their product, as
    // independent: 4 standard errors of a mean over 50 · 40 / 4 draws.
    #expect(abs(mean) < 4 / (n / 4).squareRoot(), "mean \(mean)")
    #expect((0.9...1.1).contains(deviation), "deviation \(deviation)")
    let within2 = Double(normalized.count { abs($0) < 1.96 }) / n
    #expect((0.92...0.98).contains(within2), "within 1.96: \(within2)")
    #expect(normalized.map(abs).max()! < 6)
  }

  @Test("a score equals the estimator's formula in double", arguments: boundaryDimensions, Metric.allCases)
  func equalsFormula(dimension: Int, metric: Metric) throws {
    var random = SeededGenerator(seed: UInt64(dimension + 1))
    let count = 20
    let vectors = (0..<count).flatMap { _ in random.unitVector(dimension: dimension) }
    let encoder = try VectorEncoder.trained(binary, dimension: dimension, metric: metric, on: vectors)
    let quantizer = try #require(encoder.quantizer as? BinaryQuantizer)
    let coded = CodedVectors(encoder, vectors)
    let query = random.unitVector(dimension: dimension)
    let scores = coded.scores(encoder.prepare(query))
    let padded = quantizer.paddedDimension
    let centre = quantizer.centre.values
    func rotated(_ v: ArraySlice<Float>) -> [Float] {
      var r = zip(v, centre).map { $0 - $1 } + [Float](repeating: 0, count: padded - dimension)
      quantizer.rotation.apply(&r)
      return r
    }
    let w = rotated(query[...])
    for row in 0..<count {
      let x = vectors[row * dimension..<(row + 1) * dimension]
      let r = rotated(x)
      let signs = r.map { $0 > 0 ? Float(1) : -1 }
      let squared = Oracle.dot(r[...], r[...])
      let s = squared > 0 ? squared / Oracle.dot(r[...], signs[...]) : 0
      let product = s * Oracle.dot(signs[...], w[...])
      let expected: Double
      if metric == .squaredEuclidean {
        expected = 2 * product - squared - Oracle.dot(w[...], w[...])
      } else {
        let alongCentre = zip(x, centre).reduce(0.0) { $0 + Double($1.0 - $1.1) * Double($1.1) }
        expected = Oracle.dot(query[...], centre[...]) + alongCentre + product
      }
      // bfloat16 S: 2⁻⁸ of the product. 8-bit query: half a step of w's range, on random entries.
      let range = Double(w.max()! - w.min()!)
      let bound = abs(product) / 128 + s * Double(padded).squareRoot() * range / 255 * 4 + 1e-5
      #expect(abs(Double(scores[row]) - expected) <= bound, "row \(row)")
    }
  }

  @Test("a stored code as the query scores like its decoded vector", arguments: Metric.allCases)
  func preparesRows(metric: Metric) throws {
    var random = SeededGenerator(seed: 4)
    let vectors = vectors(count: 60, dimension: 100, random: &random)
    let encoder = try VectorEncoder.trained(binary, dimension: 100, metric: metric, on: vectors)
    let quantizer = try #require(encoder.quantizer as? BinaryQuantizer)
    let coded = CodedVectors(encoder, vectors)
    let scores = coded.scores(encoder.prepare(row: 7, of: coded.view))
    let codes = coded.rows.assumingMemoryBound(to: UInt8.self)
    for row in 0..<60 {
      let a = BinaryFactors(at: coded.side + 8 * 7)
      let b = BinaryFactors(at: coded.side + 8 * row)
      let differing = (0..<16).reduce(0) { $0 + (codes[7 * 16 + $1] ^ codes[row * 16 + $1]).nonzeroBitCount }
      let product = a.scale * b.scale * Float(128 - 2 * differing)
      let squaredCentre = Float(Oracle.dot(quantizer.centre.values[...], quantizer.centre.values[...]))
      let expected =
        metric == .squaredEuclidean
        ? 2 * product - a.additive - b.additive : product + a.additive + b.additive + squaredCentre
      #expect(abs(scores[row] - expected) < 1e-4)
    }
    #expect(Oracle.nearest(scores.map(Double.init), k: 1) == [7])
  }

  @Test("decoding points to where the vector was")
  func decodes() throws {
    var random = SeededGenerator(seed: 5)
    let vectors = vectors(count: 50, dimension: 384, random: &random)
    let encoder = try VectorEncoder.trained(binary, dimension: 384, metric: .cosine, on: vectors)
    let coded = CodedVectors(encoder, vectors)
    for row in 0..<50 {
      let decoded = encoder.decode(row: row, of: coded.view)
      #expect(Oracle.score(decoded[...], vectors[row * 384..<(row + 1) * 384], .cosine) > 0.75)
    }
  }

  @Test("a vector that is the centre itself scores without error", arguments: Metric.allCases)
  func centreItself(metric: Metric) throws {
    let vector: [Float] = [0.6, 0.8, 0]
    let encoder = try VectorEncoder.trained(binary, dimension: 3, metric: metric, on: vector + vector)
    let coded = CodedVectors(encoder, vector)
    let query: [Float] = [0, 1, 0]
    let score = coded.scores(encoder.prepare(query))[0]
    #expect(abs(Double(score) - Oracle.score(query[...], vector[...], metric)) < 1e-5)
  }

  @Test("takes 8 bytes of factors beside its bits")
  func size() throws {
    let encoder = try VectorEncoder.trained(binary, dimension: 384, metric: .cosine, on: [])
    #expect(encoder.rowBytes == 48 && encoder.sideBytes == 8)
    let padded = try VectorEncoder.trained(binary, dimension: 65, metric: .cosine, on: [])
    #expect(padded.rowBytes == 16)
  }

  @Test(
    "the factor S is rounded to the nearest bfloat16, and never to infinity",
    arguments: [0, 1, 0.001, 1.003_906_25, 3.3e38, 3.4e38, 0x1p-133] as [Float])
  func factorFormat(scale: Float) {
    let bytes = UnsafeMutableRawPointer.allocate(byteCount: 8, alignment: 4)
    defer { bytes.deallocate() }
    BinaryFactors(additive: -1.5, scale: scale, setBits: 32_768).store(at: bytes)
    let read = BinaryFactors(at: bytes)
    #expect(read.additive == -1.5 && read.setBits == 32_768 && read.scale.isFinite)
    #expect(abs(read.scale - scale) <= max(scale / 256, 0x1p-133) || scale > 3.3e38)
  }
}
