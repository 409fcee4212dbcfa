import MoultModel
import MoultTesting
import Testing

@testable import MoultCompute

@Suite("Truncation regression")
struct TruncationRegressionTests {
  /// Gaussian rows whose entries follow each other: covariance ρ^|i − j|.
  private func chains(count: Int, dimension: Int, correlation: Float, seed: UInt64) -> [Float] {
    var random = SeededGenerator(seed: seed)
    let fresh = (1 - correlation * correlation).squareRoot()
    var values: [Float] = []
    for _ in 0..<count {
      var last = random.gaussian()
      values.append(last)
      for _ in 1..<dimension {
        last = correlation * last + fresh * random.gaussian()
        values.append(last)
      }
    }
    return values
  }

  @Test("equals C_kk⁻¹·C_k: of a known covariance")
  func equalsClosedForm() throws {
    // A chain's later entries depend on the last kept one alone: by ρ, ρ², ρ³.
    let (d, k, correlation) = (6, 3, Float(0.8))
    let documents = chains(count: 20_000, dimension: d, correlation: correlation, seed: 1)
    let prefixes = (0..<20_000).flatMap { documents[$0 * d..<$0 * d + k] }
    let covariance = try PairCovarianceTests.fit(prefixes, k, documents, d).covariance
    let map = try #require(try covariance.ridge(1e-6))
    for i in 0..<k {
      for j in 0..<d {
        var expected: Float = i == j ? 1 : 0
        if j >= k && i == k - 1 { expected = (0..<(j - i)).reduce(1) { power, _ in power * correlation } }
        #expect(abs(map[i * d + j] - expected) < 0.03)
      }
    }
  }

  @Test("maps queries by the regression, regularized as reported")
  func mapsQueries() throws {
    let (d, k, count) = (12, 8, 3000)
    let documents = chains(count: count, dimension: d, correlation: 0.9, seed: 2)
    let fitted = try TruncationRegression.fit(
      documents: documents, count: count, dimension: d, keeping: k, metric: .innerProduct)
    let lambda = try #require(fitted.report.lambda)
    let prefixes = (0..<count).flatMap { documents[$0 * d..<$0 * d + k] }
    let exact = DoubleCovariance(prefixes, k, documents, d, rows: Array(0..<count))
    let variance = (0..<k).reduce(0) { $0 + exact.input[$1 * k + $1] } / Double(k)
    let matrix = fitted.transform.matrix.values
    // (C_kk + λI)·W = C_k: + λ·[I 0]: a prefix stored as it is has scale 1.
    for i in 0..<k {
      for j in 0..<d {
        var left = lambda * variance * Double(matrix[i * d + j])
        for l in 0..<k { left += exact.input[i * k + l] * Double(matrix[l * d + j]) }
        let right = exact.cross[i * d + j] + (i == j ? lambda * variance : 0)
        #expect(abs(left - right) < 1e-3)
      }
    }
    #expect(fitted.transform.direction == TransformDirection(.queries, from: .collection, to: .code))
    #expect(fitted.transform.inputDimension == d && fitted.transform.outputDimension == k)
    #expect(try #require(fitted.report.recallGain).lower > 0)
    #expect(fitted.report.conditionNumber > 1)
  }

  @Test(
    "finds more of MiniLM's neighbours than plain truncation, on queries it has not seen",
    arguments: [(192, 2400), (256, 1600)])
  func helpsOnWordNet(kept: Int, count: Int) throws {
    let sample = WordNetSample.shared
    let fitted = try TruncationRegression.fit(
      documents: sample.base, count: count, dimension: 384, keeping: kept, collectionCount: 10_000,
      metric: .cosine, seed: 3)
    let prefixes = (0..<10_000).flatMap { sample.base[$0 * 384..<$0 * 384 + kept] }
    func found(_ queries: [Float]) -> [[Int64]] {
      SampleSearch.nearest(
        queries: queries, queryCount: 200, corpus: prefixes, count: 10_000, dimension: kept, metric: .cosine,
        k: 10, parallel: .serial)
    }
    let mapped = try fitted.transform.map(
      sample.queries, as: TransformDirection(.queries, from: .collection, to: .code))
    let plain = found((0..<200).flatMap { sample.queries[$0 * 384..<$0 * 384 + kept] })
    let gain = Recall.pairedDifference(new: found(mapped), old: plain, truth: sample.truth, k: 10)
    #expect(gain.lower > 0, "\(gain)")
    #expect(try #require(fitted.report.recallGain).lower > 0)
  }

  @Test(
    "where nothing is gained beyond doubt the result is plain truncation",
    arguments: [Metric.cosine, .innerProduct])
  func fallsBack(metric: Metric) throws {
    var random = SeededGenerator(seed: 5)
    // Independent entries: those cut off cannot be guessed.
    let documents = random.gaussianFloats(count: 400 * 10)
    let queries = random.gaussianFloats(count: 100 * 10)
    let fitted = try TruncationRegression.fit(
      documents: documents, count: 400, dimension: 10, keeping: 4, queries: queries, queryCount: 100,
      metric: metric)
    let identity = (0..<40).map { Float($0 % 10 == $0 / 10 ? 1 : 0) }
    #expect(fitted.transform.matrix.values == identity)
    #expect(fitted.transform.isOrthonormal)
    #expect(
      fitted.report.lambda == nil && fitted.report.shrinkage == 1 && fitted.report.querySampleCount == 100)
    #expect(fitted.report.heldOutRecall == fitted.report.plainRecall)
  }

  @Test("fewer than 4·k documents do not make it worse than plain truncation", arguments: [10, 40, 100])
  func fewDocuments(count: Int) throws {
    let sample = WordNetSample.shared
    let fitted = try TruncationRegression.fit(
      documents: sample.base, count: count, dimension: 384, keeping: 192, collectionCount: 10_000,
      metric: .cosine)
    #expect(fitted.report.sampleCountWanted == 768)
    #expect(fitted.transform.matrix.values.allSatisfy { $0.isFinite })
    let prefixes = (0..<10_000).flatMap { sample.base[$0 * 384..<$0 * 384 + 192] }
    func recall(_ queries: [Float]) -> Double {
      let found = SampleSearch.nearest(
        queries: queries, queryCount: 200, corpus: prefixes, count: 10_000, dimension: 192, metric: .cosine,
        k: 10, parallel: .serial)
      return Recall.estimate(found: found, truth: sample.truth, k: 10).mean
    }
    let mapped = try fitted.transform.map(
      sample.queries, as: TransformDirection(.queries, from: .collection, to: .code))
    #expect(recall(mapped) >= recall((0..<200).flatMap { sample.queries[$0 * 384..<$0 * 384 + 192] }) - 0.02)
  }

  @Test("degenerate samples are refused")
  func refuses() {
    func code(_ documents: [Float], queries: [Float] = [], metric: Metric = .cosine) -> MoultError.Code? {
      do {
        _ = try TruncationRegression.fit(
          documents: documents, count: documents.count / 4, dimension: 4, keeping: 2, queries: queries,
          queryCount: queries.count / 4, metric: metric)
        return nil
      } catch {
        return error.code
      }
    }
    let documents = chains(count: 50, dimension: 4, correlation: 0.5, seed: 6)
    #expect(code(documents) == nil)
    #expect(code(documents, metric: .squaredEuclidean) == .unsupported)
    #expect(code(Array(documents[..<4])) == .invalidArgument)
    #expect(code([]) == .invalidArgument)
    #expect(code([Float](repeating: 0, count: 80)) == .invalidArgument)
    #expect(code([Float](repeating: 2, count: 80)) == .invalidArgument)
    #expect(code(documents, queries: [1, 2, .nan, 4]) == .invalidVector)
    #expect(code(documents.map { $0 == documents[9] ? .infinity : $0 }) == .invalidVector)
    #expect(code(documents.map { $0 * 1e30 }, metric: .innerProduct) == .invalidVector)
  }
}
