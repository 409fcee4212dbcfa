import Foundation
import MoultModel
import MoultTesting
import Testing

@testable import MoultCompute

/// Codes with an unbiased factor: what their scores miss is by chance, and as much as they say.
@Suite("Errors of unbiased codes")
struct ErrorStatisticsTests {
  private static let unbiased: [Quantization] = [
    .binary, .lloyd1, .lloyd2, .lloyd3, .lloyd4, .lloyd5, .rabitq1, .rabitq2, .rabitq3, .rabitq4,
  ]

  /// Unit vectors around a common direction.
  private func unitVectors(count: Int, dimension: Int, random: inout SeededGenerator) -> [Float] {
    let common = random.unitVector(dimension: dimension)
    return (0..<count).flatMap { _ in
      var vector = zip(random.unitVector(dimension: dimension), common).map { $0 + 0.5 * $1 }
      VectorNorm.normalize(vector, dimension, into: &vector)
      return vector
    }
  }

  /// Scores minus the truth, and that over the standard errors, for each query all rows.
  private func errors(
    _ encoder: VectorEncoder, _ vectors: [Float], _ queries: [[Float]]
  ) -> (plain: [Double], normalized: [Double]) {
    let coded = CodedVectors(encoder, vectors)
    var (plain, normalized): ([Double], [Double]) = ([], [])
    for query in queries {
      let prepared = encoder.prepare(query)
      let scores = coded.scores(prepared)
      var stated = [Float](repeating: .nan, count: coded.count)
      encoder.standardErrors(prepared, coded.view, first: 0, count: coded.count, into: &stated)
      for (row, truth) in Oracle.scores(query[...], vectors, encoder.metric).enumerated() {
        plain.append(Double(scores[row]) - truth)
        normalized.append((Double(scores[row]) - truth) / Double(stated[row]))
      }
    }
    return (plain, normalized)
  }

  private func meanAndDeviation(_ values: [Double]) -> (mean: Double, deviation: Double) {
    let mean = values.reduce(0, +) / Double(values.count)
    let squared = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(max(1, values.count - 1))
    return (mean, squared.squareRoot())
  }

  @Test(
    "unbiased over rotations: each pair's mean error is within 4 of its standard errors", arguments: unbiased,
    Metric.allCases)
  func isUnbiased(quantization: Quantization, metric: Metric) throws {
    var random = SeededGenerator(seed: 21)
    let (dimension, seeds) = (96, 150)
    let vectors = unitVectors(count: 30, dimension: dimension, random: &random)
    let query = unitVectors(count: 1, dimension: dimension, random: &random)
    var perRow = [[Double]](repeating: [], count: 30)
    for seed in 0..<seeds {
      let encoder = try VectorEncoder.trained(
        EncodingSpecification(quantization: quantization), dimension: dimension, metric: metric,
        on: vectors, seed: UInt64(seed))
      for (row, error) in errors(encoder, vectors, [query]).plain.enumerated() { perRow[row].append(error) }
    }
    // 30 rows: the largest of 30 normal numbers passes 4 once in 500 tests.
    var sum = 0.0
    for (row, errors) in perRow.enumerated() {
      let (mean, deviation) = meanAndDeviation(errors)
      let normalized = mean / (deviation / Double(seeds).squareRoot())
      #expect(abs(normalized) < 4, "row \(row): \(normalized)")
      sum += normalized
    }
    // And all rows together; they share rotations, so they count as a third of their number.
    #expect(abs(sum / 30) < 4 / 10.0.squareRoot(), "\(sum / 30)")
  }

  @Test(
    "normalized errors are standard normal, Gaussian data", arguments: unbiased,
    [Metric.cosine, .squaredEuclidean])
  func gaussian(quantization: Quantization, metric: Metric) throws {
    var normalized: [Double] = []
    for seed in 0..<4 {
      var random = SeededGenerator(seed: UInt64(31 + seed))
      let vectors = random.gaussianFloats(count: 400 * 128)
      let queries = (0..<10).map { _ in random.gaussianFloats(count: 128) }
      let encoder = try VectorEncoder.trained(
        EncodingSpecification(quantization: quantization), dimension: 128, metric: metric, on: vectors,
        seed: UInt64(seed))
      normalized += errors(encoder, vectors, queries).normalized
    }
    expectNormal(normalized, deviation: 0.05, at99: 0.2, at999: 0.35, mean: 0.06)
  }

  /// Real data: queries and documents that training did not see; also for learned directions, whose errors are
  /// not by a rotation's chance alone.
  @Test(
    "normalized errors are standard normal, WordNet",
    arguments: unbiased.map { CodeCase(quantization: $0) }
      + [1, 2, 4].map { CodeCase(quantization: .segmented, bits: $0) })
  func wordNet(code: CodeCase) throws {
    let sample = WordNetSample.shared
    let encoder = try VectorEncoder.trained(
      code.specification, dimension: 384, metric: .cosine, on: Array(sample.base[..<(1600 * 384)]), seed: 5)
    let vectors = Array(sample.base[(4000 * 384)..<(5000 * 384)])
    let queries = (0..<20).map { Array(sample.queries[$0 * 384..<($0 + 1) * 384]) }
    let normalized = errors(encoder, vectors, queries).normalized
    if code.quantization == .segmented {
      expectNormal(normalized, deviation: 0.25, at99: 0.7, at999: 1.3, mean: 0.25)
    } else {
      expectNormal(normalized, deviation: 0.1, at99: 0.35, at999: 0.5, mean: 0.15)
    }
  }

  /// Deviation 1, and 99 % and 99.9 % of all within 2.58 and 3.29 (QUANTIZATION.md B2.3).
  private func expectNormal(
    _ normalized: [Double], deviation: Double, at99: Double, at999: Double, mean: Double,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let measured = meanAndDeviation(normalized)
    let sizes = normalized.map(abs).sorted()
    let (q99, q999) = (sizes[sizes.count * 99 / 100], sizes[sizes.count * 999 / 1000])
    let all = "mean \(measured.mean), deviation \(measured.deviation), 99 % \(q99), 99.9 % \(q999)"
    #expect(normalized.allSatisfy { $0.isFinite }, sourceLocation: sourceLocation)
    #expect(abs(measured.mean) < mean, "\(all)", sourceLocation: sourceLocation)
    #expect(abs(measured.deviation - 1) < deviation, "\(all)", sourceLocation: sourceLocation)
    #expect(abs(q99 - 2.576) < at99, "\(all)", sourceLocation: sourceLocation)
    #expect(abs(q999 - 3.291) < at999, "\(all)", sourceLocation: sourceLocation)
  }

  /// QUANTIZATION.md B2.4: variance factor of Gaussian vectors of 768 dimensions, 300 of them.
  @Test(
    "the variance factor is that of the table",
    arguments: [
      (Quantization.lloyd1, 0.569), (.lloyd2, 0.1331), (.lloyd3, 0.0359), (.lloyd4, 0.00959),
      (.lloyd5, 0.00250), (.rabitq1, 0.569), (.rabitq2, 0.1347), (.rabitq3, 0.0387), (.rabitq4, 0.01145),
      (.binary, 0.569),
    ])
  func varianceFactor(quantization: Quantization, expected: Double) throws {
    var random = SeededGenerator(seed: 41)
    let (dimension, count) = (768, 300)
    let vectors = random.gaussianFloats(count: count * dimension)
    let encoder = try VectorEncoder.trained(
      EncodingSpecification(quantization: quantization), dimension: dimension, metric: .squaredEuclidean,
      on: [])
    let coded = CodedVectors(encoder, vectors)
    var sum = 0.0
    for row in 0..<count {
      let x = vectors[row * dimension..<(row + 1) * dimension]
      let decoded = encoder.decode(row: row, of: coded.view)
      // 1/cos² − 1, from what the code stands for.
      let cosine = Oracle.score(x, decoded[...], .cosine)
      sum += 1 / (cosine * cosine) - 1
    }
    // The search for a grid's scale may be a little better than the table's.
    #expect((0.97...1.02).contains(sum / Double(count) / expected), "\(sum / Double(count))")
  }
}
