import MoultModel
import MoultTesting
import Testing

@testable import MoultCompute

/// Lucene's `OptimizedScalarQuantizer`, written down once more in double, as plainly as it goes.
private struct NaiveInterval {
  var a: Double
  var b: Double
  var points: Double

  init(_ x: [Double], bits: Int) {
    points = Double(1 << bits)
    let n = Double(x.count)
    let mean = x.reduce(0, +) / n
    let deviation = (x.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / n).squareRoot()
    let grid = [1: 0.798, 4: 2.514][bits]!
    func clamp(_ value: Double) -> Double { max(x.min()!, min(x.max()!, value)) }
    (a, b) = (clamp(mean - grid * deviation), clamp(mean + grid * deviation))
    let squared = x.reduce(0) { $0 + $1 * $1 }
    guard squared > 0 else { return }
    var loss = self.loss(x)
    for _ in 0..<5 {
      let s = x.map { code($0) / (points - 1) }
      let aa = s.reduce(0) { $0 + (1 - $1) * (1 - $1) }
      let ab = s.reduce(0) { $0 + (1 - $1) * $1 }
      let bb = s.reduce(0) { $0 + $1 * $1 }
      let xa = zip(x, s).reduce(0) { $0 + $1.0 * (1 - $1.1) }
      let xb = zip(x, s).reduce(0) { $0 + $1.0 * $1.1 }
      let scale = 0.9 / squared
      let (m0, m1, m2) = (
        scale * xa * xa + 0.1 * aa, scale * xa * xb + 0.1 * ab, scale * xb * xb + 0.1 * bb
      )
      let determinant = m0 * m2 - m1 * m1
      if determinant == 0 { return }
      var next = self
      next.a = (m2 * xa - m1 * xb) / determinant
      next.b = (m0 * xb - m1 * xa) / determinant
      let nextLoss = next.loss(x)
      if !(nextLoss <= loss) || !(next.b > next.a) { return }
      (self, loss) = (next, nextLoss)
    }
  }

  func code(_ value: Double) -> Double {
    b > a ? ((max(a, min(b, value)) - a) / (b - a) * (points - 1) + 0.5).rounded(.down) : 0
  }

  func value(_ code: Double) -> Double { a + (b - a) / (points - 1) * code }

  func loss(_ x: [Double]) -> Double {
    let errors = x.map { $0 - value(code($0)) }
    let along = zip(x, errors).reduce(0) { $0 + $1.0 * $1.1 }
    return 0.9 * along * along / x.reduce(0) { $0 + $1 * $1 } + 0.1 * errors.reduce(0) { $0 + $1 * $1 }
  }
}

@Suite("Lucene's optimized scalar codes")
struct OptimizedScalarQuantizerTests {
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
    "intervals and codes are those of the formula in double", arguments: [1, 4], boundaryDimensions)
  func intervals(bits: Int, dimension: Int) throws {
    var random = SeededGenerator(seed: UInt64(dimension))
    var (different, all) = (0, 0)
    for _ in 0..<20 {
      let x = random.gaussianFloats(count: dimension)
      let own = x.withUnsafeBufferPointer { OptimizedInterval(of: $0, bits: bits) }
      let naive = NaiveInterval(x.map(Double.init), bits: bits)
      let width = naive.b - naive.a
      let scale = abs(naive.a) + abs(naive.b)
      #expect(abs(Double(own.lower) - naive.a) <= 1e-5 * scale)
      #expect(abs(Double(own.step) * Double(1 << bits - 1) - width) <= 1e-5 * scale)
      all += dimension
      different += x.count { Double(own.code($0)) != naive.code(Double($0)) }
    }
    // A value midway between two codes may go either way.
    #expect(different * 500 <= all)
  }

  @Test(
    "scores are those of the formula in double", arguments: [Quantization.osq1, .osq4], boundaryDimensions)
  func equalsFormula(quantization: Quantization, dimension: Int) throws {
    var random = SeededGenerator(seed: UInt64(dimension))
    let count = 30
    let vectors = vectors(count: count, dimension: dimension, random: &random)
    let query = self.vectors(count: 1, dimension: dimension, random: &random)
    for metric in Metric.allCases {
      let encoder = try VectorEncoder.trained(
        EncodingSpecification(quantization: quantization), dimension: dimension, metric: metric, on: vectors)
      let quantizer = try #require(encoder.quantizer as? OptimizedScalarQuantizer)
      let coded = CodedVectors(encoder, vectors)
      let scores = coded.scores(encoder.prepare(query))
      let centre = quantizer.centre.values.map(Double.init)
      let w = zip(query, quantizer.centre.values).map { Double($0 - $1) }
      let interval = NaiveInterval(w, bits: 4)
      let decodedQuery = w.map { interval.value(interval.code($0)) }
      for row in 0..<count {
        let v = (0..<dimension).map {
          Double(vectors[row * dimension + $0] - quantizer.centre.values[$0])
        }
        // What the row stands for, so that ties in the codes do not matter here.
        let decoded = zip(encoder.decode(row: row, of: coded.view), centre).map { Double($0) - $1 }
        let product = zip(decoded, decodedQuery).reduce(0) { $0 + $1.0 * $1.1 }
        let expected: Double
        if metric == .squaredEuclidean {
          let squares = v.reduce(0) { $0 + $1 * $1 } + w.reduce(0) { $0 + $1 * $1 }
          expected = min(0, 2 * product - squares)
        } else {
          let along = zip(v, centre).reduce(0) { $0 + $1.0 * $1.1 }
          expected = product + along + zip(query, centre).reduce(0) { $0 + Double($1.0) * $1.1 }
        }
        #expect(abs(Double(scores[row]) - expected) < 2e-5, "\(metric), row \(row)")
      }
    }
  }

  @Test(
    "its standard error is what is measured, on vectors it was not fitted to",
    arguments: [Quantization.osq1, .osq4], Metric.allCases)
  func standardError(quantization: Quantization, metric: Metric) throws {
    var random = SeededGenerator(seed: 9)
    let all = vectors(count: 2016, dimension: 128, random: &random)
    let encoder = try VectorEncoder.trained(
      EncodingSpecification(quantization: quantization), dimension: 128, metric: metric,
      on: Array(all[..<(128 * 1000)]))
    let vectors = Array(all[(128 * 1000)..<(128 * 2000)])
    let coded = CodedVectors(encoder, vectors)
    var normalized: [Double] = []
    for query in 2000..<2016 {
      let query = all[(128 * query)..<(128 * (query + 1))]
      let prepared = encoder.prepare(Array(query))
      let scores = coded.scores(prepared)
      var errors = [Float](repeating: .nan, count: 1000)
      encoder.standardErrors(prepared, coded.view, first: 0, count: 1000, into: &errors)
      for (row, exact) in Oracle.scores(query, vectors, metric).enumerated() {
        normalized.append((Double(scores[row]) - exact) / Double(errors[row]))
      }
    }
    let deviation =
      (normalized.reduce(0) { $0 + $1 * $1 } / Double(normalized.count)).squareRoot()
    #expect((0.85...1.15).contains(deviation), "\(deviation)")
  }

  @Test("a vector that is the centre itself scores without error", arguments: Metric.allCases)
  func centreItself(metric: Metric) throws {
    let vector: [Float] = [0.6, 0.8, 0]
    let encoder = try VectorEncoder.trained(
      EncodingSpecification(quantization: .osq1), dimension: 3, metric: metric, on: vector + vector)
    let query: [Float] = [0, 1, 0]
    let score = CodedVectors(encoder, vector).scores(encoder.prepare(query))[0]
    #expect(abs(Double(score) - Oracle.score(query[...], vector[...], metric)) < 1e-5)
  }

  @Test("takes 16 bytes beside its codes, and has no block form")
  func size() throws {
    for (quantization, bytes) in [(Quantization.osq1, 12), (.osq4, 48)] {
      let encoder = try VectorEncoder.trained(
        EncodingSpecification(quantization: quantization), dimension: 70, metric: .cosine, on: [])
      #expect(encoder.rowBytes == bytes && encoder.sideBytes == 16)
      let coded = CodedVectors(encoder, [Float](repeating: 1, count: 70))
      #expect(BlockCodes(encoder: encoder, codes: coded.view) == nil)
    }
  }
}
