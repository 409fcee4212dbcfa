import Foundation
import MoultModel
import MoultTesting
import Testing

@testable import MoultCompute

@Suite("Calibration of rescoring")
struct RescoringCalibrationTests {
  /// Queries whose estimates have Gaussian errors of standard deviation `error` times `hardness`, which a query
  /// has in common: hits are correlated. 80 rows of evenly falling score, the first `k` of them true.
  private func queries(
    _ count: Int, k: Int = 10, error: Float = 0.05, unstated: Float = 1, random: inout SeededGenerator
  ) -> [RescoringCalibration.Query] {
    (0..<count).map { _ in
      let exact = (0..<80).map { 1 - Float($0) * 0.01 }
      let bias = 0.5 * random.gaussianFloats(count: 1)[0]
      let noise = random.gaussianFloats(count: exact.count)
      let candidates = zip(exact, noise).enumerated().map { row, pair in
        Candidate(row: Int64(row), score: pair.0 + (bias + pair.1) * error * unstated, error: error)
      }
      return RescoringCalibration.Query(
        truth: exact.prefix(k).enumerated().map { GlobalNeighbor(row: Int64($0), score: $1) },
        candidates: candidates.sorted { ($0.score, $1.row) > ($1.score, $0.row) })
    }
  }

  @Test("z and candidates are the least that the sample shows to do", arguments: [0.8, 0.95, 0.99])
  func isLeast(target: Double) throws {
    var random = SeededGenerator(seed: 1)
    let calibration = RescoringCalibration(queries(400, random: &random), k: 10)
    let policy = calibration.policy(targetRecall: target)
    #expect(policy.isShown && policy.expectedRecall.mean < 1)
    #expect(policy.targetRecall == target && policy.k == 10 && policy.expectedRecall.queryCount == 400)
    var less = policy
    less.candidates -= 1
    #expect(calibration.expectedRecall(less).lower < target)
    less = policy
    less.candidates = .max
    let widened = target + 0.1 * (1 - target)
    #expect(calibration.expectedRecall(less).lower >= widened)
    less.z = try #require(policy.z) - 0.02
    #expect(calibration.expectedRecall(less).lower < widened)
  }

  @Test("z, candidates and evaluations never fall with a rising target")
  func monotone() {
    var random = SeededGenerator(seed: 2)
    let calibration = RescoringCalibration(queries(1000, random: &random), k: 10)
    var last: RescoringPolicy?
    for target in [0, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999, 0.99999] {
      let policy = calibration.policy(targetRecall: target)
      if let last {
        #expect(policy.z ?? .infinity >= last.z ?? .infinity)
        #expect(policy.meanEvaluations >= last.meanEvaluations)
      }
      last = policy
    }
    #expect(last?.z == nil && last?.isShown == false, "a thousand queries cannot show 99.999 %")
  }

  @Test(
    "queries to come reach the target in all but about 1 of 40 samples",
    arguments: [(0.9, 50), (0.95, 100), (0.99, 300)])
  func guarantee(target: Double, queryCount: Int) throws {
    var random = SeededGenerator(seed: UInt64(queryCount))
    let future = RescoringCalibration(queries(2000, random: &random), k: 10)
    var short = 0
    var excess = 0.0
    let trials = 60
    for _ in 0..<trials {
      let policy = RescoringCalibration(queries(queryCount, random: &random), k: 10)
        .policy(targetRecall: target)
      let recall = future.expectedRecall(policy).mean
      if recall < target { short += 1 }
      excess += (recall - target) / (1 - target) / Double(trials)
    }
    // 2.5 % and 4 standard errors of 60 trials.
    #expect(short <= 6)
    // And it is no better for being needlessly generous: not all of what is left to 1 is given away.
    #expect(excess < 0.85)
  }

  @Test("errors that codes do not state are found out", arguments: [1, 3, 20])
  func floor(unstated: Float) throws {
    var random = SeededGenerator(seed: 4)
    let policy = RescoringCalibration(queries(500, error: 0.01, unstated: unstated, random: &random), k: 10)
      .policy(targetRecall: 0.95)
    // Variance of the error: (0.5² + 1)·(0.01·unstated)².
    let expected = Double(1.25 * unstated * unstated - 1).squareRoot() * 0.01
    #expect(abs(policy.errorFloor / expected - 1) < 0.15)
    #expect(policy.isShown && policy.z != nil)
  }

  @Test(
    "a sample that is too small says so, and how many it takes", arguments: [0.9, 0.95, 0.99], [1, 10, 100])
  func tooFew(target: Double, k: Int) {
    let needed = RescoringCalibration.queryCountMin(targetRecall: target, k: k)
    let query = RescoringCalibration.Query(
      truth: (0..<Int64(k)).map { GlobalNeighbor(row: $0, score: 1) },
      candidates: (0..<Int64(k)).map { Candidate(row: $0, score: 1, error: 0.1) })
    func policy(_ count: Int) -> RescoringPolicy {
      RescoringCalibration([RescoringCalibration.Query](repeating: query, count: count), k: k)
        .policy(targetRecall: target)
    }
    #expect(policy(needed).z != nil && policy(needed).isShown)
    #expect(policy(needed - 1).z == nil && policy(needed - 1).candidates == k)
    #expect(!RescoringCalibration([], k: k).policy(targetRecall: target).isShown)
  }

  @Test("neighbours that are not among the candidates count as missed")
  func missing() {
    var random = SeededGenerator(seed: 6)
    let whole = queries(300, error: 0.001, random: &random)
    let cut = whole.map { query in
      RescoringCalibration.Query(
        truth: query.neighbours.enumerated().map { GlobalNeighbor(row: Int64($0), score: $1.exact) },
        candidates: Array(query.candidates.prefix(9)))
    }
    let policy = RescoringCalibration(cut, k: 10).policy(targetRecall: 0.95)
    #expect(policy.z == nil && !policy.isShown)
    #expect(abs(policy.expectedRecall.mean - 0.9) < 0.001)
    #expect(RescoringCalibration(cut, k: 10).policy(targetRecall: 0.8).isShown)
  }

  @Test("a policy survives JSON, also without a z")
  func codable() throws {
    var random = SeededGenerator(seed: 7)
    let calibration = RescoringCalibration(queries(100, random: &random), k: 10)
    for target in [0.9, 0.9999] {
      let policy = calibration.policy(targetRecall: target)
      let data = try JSONEncoder().encode(policy)
      #expect(try JSONDecoder().decode(RescoringPolicy.self, from: data) == policy)
      #expect(policy.candidateCount(1) == policy.candidates)
      #expect(policy.candidateCount(25) == Int((2.5 * Double(policy.candidates)).rounded(.up)))
    }
  }

  // MARK: Real text

  /// Sample queries by number, with their candidates and truth.
  private struct Measured {
    let queries: [RescoringCalibration.Query]
    let truth: [[Int64]]
    let coded: CodedVectors
    let originals: CodedVectors
    let k: Int

    init(_ specification: EncodingSpecification, k: Int) throws {
      let sample = WordNetSample.shared
      let encoder = try VectorEncoder.trained(
        specification, dimension: sample.dimension, metric: .cosine, on: sample.base)
      let coded = CodedVectors(encoder, sample.base)
      let originals = CodedVectors(
        .identity(dimension: sample.dimension, metric: .cosine), sample.base)
      let exact = ExactSearch.search(
        queries: sample.queries, queryCount: sample.queries.count / sample.dimension,
        dimension: sample.dimension, metric: .cosine, segments: [ExactSegment(codes: originals.view)], k: k)
      queries = exact.enumerated().map { number, truth in
        let query = Array(sample.queries[number * sample.dimension..<(number + 1) * sample.dimension])
        let prepared = encoder.prepare(query)
        let found = FlatIndex.search(
          encoder: encoder, query: prepared, codes: coded.view, live: .all, k: 128 * k)
        var errors = [Float](repeating: 0, count: found.count)
        encoder.standardErrors(
          prepared, coded.view, indices: found.map(\.row), count: found.count, into: &errors)
        return RescoringCalibration.Query(
          truth: truth,
          candidates: zip(found, errors).map { Candidate(row: Int64($0.row), score: $0.score, error: $1) })
      }
      truth = exact.map { $0.map(\.row) }
      self.coded = coded
      self.originals = originals
      self.k = k
    }

    /// Recall and evaluations a query of searches that follow a policy.
    func search(_ numbers: ArraySlice<Int>, _ policy: RescoringPolicy) -> (MeasuredRecall, Double) {
      let sample = WordNetSample.shared
      var evaluations = 0
      let found = numbers.map { number in
        let query = Array(sample.queries[number * sample.dimension..<(number + 1) * sample.dimension])
        let (hits, evaluated) = BoundedRescoring.rescore(
          Array(queries[number].candidates.prefix(policy.candidateCount(k))), policy: policy, k: k,
          query: query, dimension: sample.dimension, metric: .cosine
        ) { originals.view.rows + Int($0) * originals.view.rowStride }
        evaluations += evaluated
        return hits.map(\.row)
      }
      return (
        Recall.estimate(found: found, truth: numbers.map { truth[$0] }, k: k),
        Double(evaluations) / Double(numbers.count)
      )
    }
  }

  @Test(
    "calibrated on one half of the queries, the other half reaches the target; more bits rescore fewer",
    arguments: [(0.95, 10), (0.99, 30)])
  func halves(target: Double, k: Int) throws {
    var random = SeededGenerator(seed: 8)
    let order = (0..<200).shuffled(using: &random)
    var evaluations: [Double] = []
    for specification in [
      EncodingSpecification(quantization: .binary),
      EncodingSpecification(quantization: .segmented, bits: 1),
      EncodingSpecification(quantization: .lloyd2),
      EncodingSpecification(quantization: .segmented, bits: 2),
      EncodingSpecification(quantization: .segmented, bits: 4),
    ] {
      let measured = try Measured(specification, k: k)
      let policy = RescoringCalibration(order[..<100].map { measured.queries[$0] }, k: k)
        .policy(targetRecall: target)
      let (recall, evaluated) = measured.search(order[100...], policy)
      #expect(policy.isShown && policy.z != nil)
      #expect(recall.upper >= target)
      #expect(recall.mean >= policy.expectedRecall.mean - 0.02)
      #expect(evaluated < Double(policy.candidates))
      evaluations.append(evaluated)
    }
    #expect(evaluations == evaluations.sorted(by: >))
  }

  @Test(
    "what a transform cuts off is calibrated for, codes without errors of their own included",
    arguments: [Quantization.none, .float16, .int8])
  func transforms(quantization: Quantization) throws {
    let measured = try Measured(
      EncodingSpecification(quantization: quantization, dimensions: 192, transform: .pca), k: 10)
    let policy = RescoringCalibration(Array(measured.queries.prefix(100)), k: 10).policy(targetRecall: 0.95)
    let (recall, evaluated) = measured.search(Array(0..<200)[100...], policy)
    #expect(policy.isShown && policy.errorFloor > 0.005)
    #expect(recall.upper >= 0.95 && evaluated < 100)
  }
}
