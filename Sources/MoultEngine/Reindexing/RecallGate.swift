import Foundation
import MoultCompute
import MoultModel

/// Measures a generation against exact search and decides whether it may go live.
struct RecallGate: Sendable {
  struct Measurement: Sendable {
    var source: SwitchReport.QuerySource
    /// The generation that answers now.
    var before: MeasuredRecall?
    var after: MeasuredRecall?
    var withoutRescoring: MeasuredRecall?
    var rescoring: RescoringPolicy?
    var notes: [String] = []
  }

  /// Queries made from stored vectors when none are given: more where a target of recall needs them, so that
  /// one half can show it although some neighbours are missed.
  static func perturbedQueryCount(target: Double?, k: Int) -> Int {
    guard let target else { return 400 }
    return min(4_000, max(400, 4 * RescoringCalibration.queryCountMin(targetRecall: target, k: k)))
  }
  /// Queries in a half, from which on one calibrates and the other one measures.
  static let calibrationQueriesMin = 100
  /// Standard deviation of the noise of a made-up query, relative to the vector's length.
  static let perturbation: Float = 0.3

  let request: RecallGateRequest
  let seed: UInt64

  /// - Parameters:
  ///   - before: measured as well, on the same queries, when given (a reindex measures its source itself).
  ///   - calibrating: a target of recall to calibrate `after` for, on one half of the queries; recall is then
  ///     measured on the other half.
  func measure(
    _ snapshot: CollectionSnapshot, before: GenerationView?, after: GenerationView,
    calibrating target: Double? = nil, parallel: ParallelFor
  ) -> Measurement {
    let dimension = after.encoder.dimension
    guard snapshot.liveCount > 0 else { return Measurement(source: .none) }
    let given = !request.queries.isEmpty
    let k = min(request.k, snapshot.liveCount)
    let target = after.specification.isIdentity ? nil : target
    let queries =
      given
      ? request.queries
      : perturbedDocuments(
        of: snapshot, dimension: dimension, count: Self.perturbedQueryCount(target: target, k: k))
    let truth = queries.withUnsafeBufferPointer {
      SearchExecutor.exact(
        snapshot, queries: $0.baseAddress!, queryCount: queries.count / dimension, dimension: dimension,
        metric: after.encoder.metric, count: k, parallel: parallel)
    }
    let all = QuerySample(queries: queries, truth: truth, dimension: dimension, k: k)
    var measurement = Measurement(source: given ? .given : .perturbedDocuments)
    var measured = all
    if let target {
      let halves = all.halves(seed: seed, atLeast: Self.calibrationQueriesMin)
      let calibration = GenerationCalibration(
        snapshot: snapshot, generation: after, sample: halves?.first ?? all, parallel: parallel)
      measurement.rescoring = calibration.policy(target: target, notes: &measurement.notes)
      measured = halves?.second ?? all
      if halves == nil {
        measurement.notes.append(
          "recall was measured on the \(all.count) queries that rescoring was calibrated on, which is optimistic; "
            + "give at least \(2 * Self.calibrationQueriesMin)")
      }
    }
    let (searched, codes, evaluations) = measured.recall(
      snapshot, of: after, rescoring: measurement.rescoring, parallel: parallel)
    measurement.after = searched
    measurement.withoutRescoring = codes
    measurement.rescoring?.meanEvaluations = evaluations
    measurement.before = before.map {
      measured.recall(snapshot, of: $0, rescoring: nil, parallel: parallel).searched
    }
    return measurement
  }

  /// - Throws: `recallGateFailed` when the lower end of the interval is below the minimum.
  func check(_ measurement: Measurement, of specification: EncodingSpecification) throws {
    guard let after = measurement.after, request.minimumRecall > 0 else { return }
    guard after.lower < request.minimumRecall else { return }
    throw MoultError(
      .recallGateFailed,
      "recall@\(after.k) of \(specification.quantization.rawValue) is \(Self.text(after.mean)) "
        + "(95 % interval \(Self.text(after.lower)) … \(Self.text(after.upper)), \(after.queryCount) queries); "
        + "its lower end must reach \(Self.text(request.minimumRecall)). Nothing was swapped. "
        + "Ask for more oversampling, more dimensions or another quantization, or lower --min-recall")
  }

  private static func text(_ share: Double) -> String {
    let thousandths = Int((share * 10_000).rounded())
    let digits = String(thousandths % 10_000)
    return "\(thousandths / 10_000)." + String(repeating: "0", count: 4 - digits.count) + digits
  }

  /// Stored vectors with Gaussian noise. Easier than real queries, which lie farther from the documents.
  private func perturbedDocuments(of snapshot: CollectionSnapshot, dimension: Int, count: Int) -> [Float] {
    var random = SplitMix64(seed: seed)
    let sample = RowSample.rows(of: snapshot, count: count, random: &random)
    var queries: [Float] = []
    queries.reserveCapacity(sample.count * dimension)
    // Few documents are taken several times, each time with other noise: the interval needs the queries.
    for number in 0..<count {
      guard let vector = snapshot.vector(ofRow: sample[number % sample.count], dimension: dimension) else {
        continue
      }
      let length = vector.reduce(0) { $0 + $1 * $1 }.squareRoot()
      let scale = Self.perturbation * length / Float(dimension).squareRoot()
      queries.append(contentsOf: vector.map { $0 + scale * gaussian(&random) })
    }
    return queries
  }

  /// A standard normal number (Box and Muller, 1958).
  private func gaussian(_ random: inout SplitMix64) -> Float {
    let radius = (-2 * log(Float.random(in: Float.leastNormalMagnitude..<1, using: &random))).squareRoot()
    return radius * cos(2 * .pi * Float.random(in: 0..<1, using: &random))
  }
}
