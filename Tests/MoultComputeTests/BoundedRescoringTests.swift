import MoultModel
import MoultTesting
import Testing

@testable import MoultCompute

@Suite("Rescoring by bounds")
struct BoundedRescoringTests {
  /// Exact scores with ties, and estimates of them that are at most `deviations` standard errors off.
  private func candidates(
    _ count: Int, error: Float, deviations: Float = 3, seed: UInt64
  ) -> (candidates: [Candidate], exact: [Float]) {
    var random = SeededGenerator(seed: seed)
    let exact = (0..<count).map { _ in Float(Int(random.unit() * 200)) / 200 }
    let candidates = exact.enumerated().map { row, score in
      let error = error * Float(0.5 + random.unit())
      let off = min(deviations, max(-deviations, random.gaussianFloats(count: 1)[0]))
      return Candidate(row: Int64(row), score: score + off * error, error: error)
    }
    return (candidates.shuffled(using: &random), exact)
  }

  private func policy(z: Double?, errorFloor: Double = 0) -> RescoringPolicy {
    RescoringPolicy(
      targetRecall: 0.99, z: z, errorFloor: errorFloor, candidates: 1, k: 1,
      expectedRecall: MeasuredRecall(mean: 1, lower: 0, upper: 1, queryCount: 1, k: 1), meanEvaluations: 0)
  }

  private func rescore(
    _ candidates: [Candidate], _ exact: [Float], z: Double?, errorFloor: Double = 0, k: Int
  ) -> (hits: [GlobalNeighbor], evaluations: Int) {
    BoundedRescoring.rescore(candidates, policy: policy(z: z, errorFloor: errorFloor), k: k) {
      Double(exact[Int($0)])
    }
  }

  private func full(_ exact: [Float], k: Int) -> [GlobalNeighbor] {
    Array(exact.enumerated().map { GlobalNeighbor(row: Int64($0), score: $1) }.sorted().prefix(k))
  }

  @Test(
    "without a z it is full rescoring, ties to the smaller row", arguments: [0, 1, 7, 300], [0, 1, 10, 400])
  func rescoresAll(count: Int, k: Int) {
    let (candidates, exact) = candidates(count, error: 0.1, seed: UInt64(count + 1000 * k))
    let (hits, evaluations) = rescore(candidates, exact, z: nil, k: k)
    #expect(hits == full(exact, k: k))
    #expect(evaluations == (k == 0 ? 0 : count))
  }

  @Test("with bounds that hold it is full rescoring too, and stops early", arguments: 1...20)
  func stopsEarly(seed: UInt64) {
    let (candidates, exact) = candidates(500, error: 0.02, seed: seed)
    let (hits, evaluations) = rescore(candidates, exact, z: 3.001, k: 10)
    #expect(hits == full(exact, k: 10))
    let bar = Double(hits[9].score)
    let reaching = candidates.count { $0.upperBound(z: 3.001, errorFloor: 0) >= bar }
    #expect(evaluations >= reaching, "who may reach the last hit is looked at")
    #expect(evaluations < 250)
    // The bar only rises to its last value, so some more are looked at; but not among the far ones.
    #expect(rescore(candidates, exact, z: 0.5, k: 10).evaluations <= evaluations)
  }

  @Test("candidates with no more than k are all rescored, and so are those of unknown error")
  func unknownErrors() {
    let (few, exactOfFew) = candidates(10, error: 0.001, seed: 1)
    #expect(rescore(few, exactOfFew, z: 0, k: 10).evaluations == 10)
    var (candidates, exact) = candidates(200, error: 0.001, seed: 2)
    candidates[150].error = .nan
    let row = Int(candidates[150].row)
    exact[row] = 100
    let (hits, evaluations) = rescore(candidates, exact, z: 0, k: 5)
    #expect(hits[0].row == Int64(row) && evaluations < 100)
  }

  @Test("the floor adds to errors in squares")
  func floors() {
    let candidate = Candidate(row: 0, score: 1, error: 3)
    #expect(candidate.upperBound(z: 2, errorFloor: 4) == 11)
    #expect(candidate.upperBound(z: .infinity, errorFloor: 0) == .infinity)
    #expect(Candidate(row: 0, score: 1, error: 0).upperBound(z: .infinity, errorFloor: 0) == .infinity)
  }

  @Test("scores of stored vectors equal full rescoring, bit for bit", arguments: Metric.allCases)
  func storedVectors(metric: Metric) {
    var random = SeededGenerator(seed: 5)
    let vectors = random.gaussianFloats(count: 300 * 19)
    let query = random.gaussianFloats(count: 19)
    let originals = CodedVectors(.identity(dimension: 19, metric: metric), vectors)
    let expected = Rescoring.rescore(
      candidates: (0..<300).map { Neighbor(row: $0, score: 0) }, query: query, originals: originals.view,
      dimension: 19, metric: metric)
    let (hits, _) = BoundedRescoring.rescore(
      (0..<300).map { Candidate(row: $0, score: 0, error: 1) }, policy: .rescoringAll, k: 12, query: query,
      dimension: 19, metric: metric
    ) { originals.view.rows + Int($0) * originals.view.rowStride }
    #expect(hits.map(\.row) == expected.prefix(12).map { Int64($0.row) })
    #expect(hits.map(\.score) == expected.prefix(12).map(\.score))
  }
}
