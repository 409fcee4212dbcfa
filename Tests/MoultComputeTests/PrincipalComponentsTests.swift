import MoultModel
import MoultTesting
import Testing

@testable import MoultCompute

@Suite("Principal components")
struct PrincipalComponentsTests {
  /// Gaussian vectors with standard deviation 1/(j + 1) along coordinate j, around `centre`.
  private func sample(count: Int, dimension: Int, centre: Float = 0, seed: UInt64) -> [Float] {
    var random = SeededGenerator(seed: seed)
    return (0..<count * dimension).map { random.gaussian() / Float($0 % dimension + 1) + centre }
  }

  @Test("rows are orthonormal and eigenvalues fall", arguments: [1, 2, 3, 64, 100], Metric.allCases)
  func isOrthonormal(dimension: Int, metric: Metric) throws {
    let vectors = sample(count: 4 * dimension, dimension: dimension, centre: 0.3, seed: UInt64(dimension))
    let kept = (dimension + 1) / 2
    let components = try PrincipalComponents.fit(
      sample: vectors, count: 4 * dimension, dimension: dimension, keeping: kept, metric: metric)
    let matrix = components.transform.matrix.values
    for i in 0..<kept {
      for j in 0...i {
        let product = Oracle.dot(
          matrix[i * dimension..<(i + 1) * dimension], matrix[j * dimension..<(j + 1) * dimension])
        #expect(abs(product - (i == j ? 1 : 0)) < 1e-5)
      }
    }
    #expect(components.eigenvalues.count == dimension)
    #expect(zip(components.eigenvalues, components.eigenvalues.dropFirst()).allSatisfy { $0 >= $1 })
    #expect(components.shrinkage == 0)
    #expect((0...1.000_001).contains(components.explainedVariance))
  }

  @Test("finds the directions of largest variance")
  func findsVariance() throws {
    let vectors = sample(count: 20_000, dimension: 8, centre: 5, seed: 3)
    let components = try PrincipalComponents.fit(
      sample: vectors, count: 20_000, dimension: 8, keeping: 2, metric: .innerProduct)
    let matrix = components.transform.matrix.values
    #expect(matrix[0] > 0.99 && matrix[9] > 0.99)
    #expect(abs(components.eigenvalues[0] - 1) < 0.05)
    #expect(abs(components.eigenvalues[1] - 0.25) < 0.02)
  }

  @Test("all components keep all distances and inner products", arguments: Metric.allCases)
  func isIsometric(metric: Metric) throws {
    let dimension = 24
    let vectors = sample(count: 200, dimension: dimension, centre: 2, seed: 4)
    let transform = try PrincipalComponents.fit(
      sample: vectors, count: 200, dimension: dimension, keeping: dimension, metric: metric
    ).transform
    var mapped = [Float](repeating: 0, count: vectors.count)
    transform.apply(vectors, count: 200, into: &mapped)
    for i in 1..<50 {
      let before = Oracle.score(vectors[..<24], vectors[i * 24..<(i + 1) * 24], metric)
      let after = Oracle.score(mapped[..<24], mapped[i * 24..<(i + 1) * 24], metric)
      #expect(abs(before - after) < 1e-4 * max(1, abs(before)))
    }
  }

  @Test("a small sample is shrunk and reported", arguments: [1, 2, 10, 39])
  func shrinks(count: Int) throws {
    let vectors = sample(count: count, dimension: 10, seed: UInt64(count))
    let components = try PrincipalComponents.fit(
      sample: vectors, count: count, dimension: 10, keeping: 5, metric: .cosine)
    #expect(components.shrinkage == min(1, 5 / Double(count)))
    #expect(components.eigenvalues.allSatisfy { $0.isFinite && $0 >= -1e-6 })
    #expect(components.transform.matrix.values.allSatisfy { $0.isFinite })
  }

  @Test("constant and zero data give some orthonormal map", arguments: [0, 3] as [Float])
  func survivesConstants(value: Float) throws {
    let components = try PrincipalComponents.fit(
      sample: [Float](repeating: value, count: 60), count: 10, dimension: 6, keeping: 3, metric: .cosine)
    #expect(abs(norm(components.transform.matrix.values) - 3.0.squareRoot()) < 1e-5)
  }

  @Test("no sample, too many dimensions and infinite covariance are refused")
  func refuses() {
    #expect(throws: MoultError.self) {
      try PrincipalComponents.fit(sample: [0], count: 0, dimension: 1, keeping: 1, metric: .cosine)
    }
    #expect(throws: MoultError.self) {
      try PrincipalComponents.fit(
        sample: [Float](repeating: 1, count: 8193), count: 1, dimension: 8193, keeping: 1, metric: .cosine)
    }
    #expect(throws: MoultError.self) {
      try PrincipalComponents.fit(
        sample: [3e38, -3e38, -3e38, 3e38], count: 2, dimension: 2, keeping: 1, metric: .innerProduct)
    }
  }

  @Test("the predicted gain is ½·log₂ of arithmetic by geometric mean")
  func predictsGain() {
    #expect(PrincipalComponents.predictedGainBits([1, 1, 1, 1]) == 0)
    // Means 5/2 and 2: ½·log₂ 1.25.
    #expect(abs(PrincipalComponents.predictedGainBits([4, 1]) - 0.160_964) < 1e-6)
    #expect(abs(PrincipalComponents.predictedGainBits([400, 100]) - 0.160_964) < 1e-6)
    // Dead dimensions, also when rounding left something of them, change nothing.
    #expect(abs(PrincipalComponents.predictedGainBits([4, 1, 0, -1e-9, 1e-8]) - 0.160_964) < 1e-6)
    #expect(PrincipalComponents.predictedGainBits([0, 0]) == 0)
    #expect(PrincipalComponents.predictedGainBits([]) == 0)
  }

  @Test("the predicted gain of known variances is found, and none on a sphere")
  func findsGain() throws {
    let vectors = sample(count: 20_000, dimension: 8, seed: 6)
    let components = try PrincipalComponents.fit(
      sample: vectors, count: 20_000, dimension: 8, keeping: 8, metric: .innerProduct)
    let variances = (1...8).map { 1 / Float($0 * $0) }
    #expect(abs(components.predictedGainBits - PrincipalComponents.predictedGainBits(variances)) < 0.02)
    var random = SeededGenerator(seed: 7)
    let round = random.gaussianFloats(count: 20_000 * 8)
    let none = try PrincipalComponents.fit(
      sample: round, count: 20_000, dimension: 8, keeping: 8, metric: .innerProduct)
    #expect(none.predictedGainBits < 0.001)
  }

  @Test("its report holds what it finds on vectors it was not fitted on, beside plain truncation")
  func reports() throws {
    let wordNet = WordNetSample.shared
    let components = try PrincipalComponents.fit(
      sample: wordNet.base, count: 2000, dimension: 384, keeping: 128, metric: .cosine)
    for queries in [[], wordNet.queries] {
      let report = try components.report(
        sample: wordNet.base, count: 2000, queries: queries.isEmpty ? nil : queries,
        queryCount: queries.count / 384, metric: .cosine)
      let (recall, plain) = (try #require(report.heldOutRecall), try #require(report.plainRecall))
      #expect(recall.mean > 0.7 && plain.mean < 0.6, "\(report)")
      #expect(try #require(report.recallGain).lower > 0.1)
      #expect(recall.queryCount == (queries.isEmpty ? 400 : 200))
      #expect(report.predictedGainBits == components.predictedGainBits && components.predictedGainBits > 0.3)
      #expect(report.conditionNumber > 10 && report.sampleCount == 2000)
    }
  }

  @Test("a report of too few vectors has no recall", arguments: [1, 4, 5])
  func reportsLittle(count: Int) throws {
    let vectors = sample(count: count, dimension: 4, seed: 8)
    let components = try PrincipalComponents.fit(
      sample: vectors, count: count, dimension: 4, keeping: 2, metric: .cosine)
    let report = try components.report(sample: vectors, count: count, metric: .cosine)
    #expect((report.heldOutRecall == nil) == (count < 2))
    #expect(report.conditionNumber.isFinite && report.shrinkage == components.shrinkage)
  }
}
