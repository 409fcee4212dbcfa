import MoultCompute
import MoultModel

/// Measures a generation against exact search, beside the one that answers today, and decides whether it may
/// go live.
struct RecallGate: Sendable {
  struct Measurement: Sendable {
    var source: SwitchReport.QuerySource
    var k: Int
    /// The generation that answers now.
    var before: [QueryRecall]?
    var after: [QueryRecall] = []
    var withoutRescoring: [QueryRecall] = []
    /// `after` without the graph; measured when a graph is suspected.
    var flat: [QueryRecall]?
    var rescoring: RescoringPolicy?
    var notes: [String] = []

    func estimate(_ queries: [QueryRecall]?) -> MeasuredRecall? {
      queries.flatMap { $0.isEmpty ? nil : Recall.estimate($0, k: k) }
    }

    var difference: RecallDifference? {
      guard let before, !after.isEmpty else { return nil }
      return Recall.pairedDifference(new: after, old: before, k: k)
    }
  }

  /// Queries in a half, from which on one calibrates and the other one measures.
  static let calibrationQueriesMin = 100

  let minimumRecall: Double
  let maximumLoss: Double?
  let k: Int
  let seed: UInt64

  /// What is measured on: the queries that measure, with their exact neighbours.
  struct Trial: Sendable {
    let source: SwitchReport.QuerySource
    let sample: QuerySample
    var rescoring: RescoringPolicy?
    var notes: [String] = []
  }

  /// Finds the true neighbours of the queries; with a target of recall, calibrates rescoring on one half of them
  /// and leaves the other half to measure.
  ///
  /// - Returns: `nil` for an empty collection.
  func trial(
    _ snapshot: CollectionSnapshot, of generation: GenerationView, queries: GateQueries,
    calibrating target: Double?, parallel: ParallelFor
  ) -> Trial? {
    guard snapshot.liveCount > 0, !queries.values.isEmpty else { return nil }
    let dimension = generation.encoder.dimension
    let k = min(k, snapshot.liveCount)
    let truth = queries.values.withUnsafeBufferPointer {
      SearchExecutor.exact(
        snapshot, queries: $0.baseAddress!, queryCount: queries.values.count / dimension,
        dimension: dimension,
        metric: generation.encoder.metric, count: k, parallel: parallel)
    }
    let all = QuerySample(queries: queries.values, truth: truth, dimension: dimension, k: k)
    guard let target, !generation.specification.isIdentity else {
      return Trial(source: queries.source, sample: all)
    }
    var notes: [String] = []
    let halves = halves(of: all)
    let policy = GenerationCalibration(
      snapshot: snapshot, generation: generation, sample: halves?.first ?? all, parallel: parallel
    ).policy(target: target, notes: &notes)
    if halves == nil {
      notes.append(
        "recall was measured on the \(all.count) queries that rescoring was calibrated on, which is optimistic; "
          + "give at least \(2 * Self.calibrationQueriesMin)")
    }
    return Trial(source: queries.source, sample: halves?.second ?? all, rescoring: policy, notes: notes)
  }

  private func halves(of sample: QuerySample) -> (first: QuerySample, second: QuerySample)? {
    sample.halves(seed: seed, atLeast: Self.calibrationQueriesMin)
  }

  /// The queries of a sample that measure where the others calibrate.
  func measuringHalf(of sample: QuerySample) -> QuerySample { halves(of: sample)?.second ?? sample }

  /// - Parameters:
  ///   - trial: `nil` for an empty collection, of which nothing can be measured.
  ///   - before: measured as well, on the same queries, when given.
  func measure(
    _ trial: Trial?, _ snapshot: CollectionSnapshot, before: GenerationView?, after: GenerationView,
    parallel: ParallelFor
  ) -> Measurement {
    guard let trial else { return Measurement(source: .none, k: k) }
    let sample = trial.sample
    let answers = sample.answers(snapshot, of: after, rescoring: trial.rescoring, parallel: parallel)
    var measurement = Measurement(source: trial.source, k: sample.k, notes: trial.notes)
    measurement.after = answers.searched
    measurement.withoutRescoring = answers.codes
    measurement.rescoring = trial.rescoring
    measurement.rescoring?.meanEvaluations = answers.evaluations
    measurement.before = before.map {
      sample.answers(snapshot, of: $0, rescoring: nil, parallel: parallel).searched
    }
    return measurement
  }

  /// Whether what was asked of recall is met.
  func passes(_ measurement: Measurement) -> Bool { failure(measurement) == nil }

  /// - Throws: `recallGateFailed` when recall, or what is left of the earlier one, is not shown to be enough.
  func check(_ measurement: Measurement, of specification: EncodingSpecification) throws {
    guard let failure = failure(measurement) else { return }
    throw MoultError(
      .recallGateFailed,
      "\(failure) with \(specification.quantization.rawValue). Nothing was swapped. Ask for more oversampling, "
        + "more dimensions or another quantization, give more queries, or lower what is asked for "
        + "(--min-recall, --max-loss)")
  }

  private func failure(_ measurement: Measurement) -> String? {
    if let after = measurement.estimate(measurement.after), minimumRecall > 0, after.lower < minimumRecall {
      return "recall@\(after.k) is \(Self.text(after.mean)) (95 % interval \(Self.text(after.lower)) … "
        + "\(Self.text(after.upper)), \(after.queryCount) queries), and its lower end must reach "
        + Self.text(minimumRecall)
    }
    if let loss = maximumLoss, let difference = measurement.difference, difference.lower < -loss {
      return "recall@\(measurement.k) changes by \(Self.text(difference.mean)) (95 % interval "
        + "\(Self.text(difference.lower)) … \(Self.text(difference.upper)), \(difference.queryCount) queries), and "
        + "may fall by \(Self.text(loss))"
    }
    return nil
  }

  static func text(_ share: Double) -> String {
    let tenThousandths = Int((abs(share) * 10_000).rounded())
    let digits = String(tenThousandths % 10_000)
    return (share < 0 && tenThousandths > 0 ? "−" : "") + "\(tenThousandths / 10_000)."
      + String(repeating: "0", count: 4 - digits.count) + digits
  }
}
