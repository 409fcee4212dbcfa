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
  }

  /// Queries made from stored vectors when none are given.
  static let perturbedQueryCount = 400
  /// Standard deviation of the noise of a made-up query, relative to the vector's length.
  static let perturbation: Float = 0.3

  let request: RecallGateRequest
  let seed: UInt64

  /// - Parameters:
  ///   - before: measured as well, on the same queries, when given (a reindex measures its source itself).
  func measure(
    _ snapshot: CollectionSnapshot, before: GenerationView?, after: GenerationView, parallel: ParallelFor
  ) -> Measurement {
    let dimension = after.encoder.dimension
    guard snapshot.liveCount > 0 else { return Measurement(source: .none) }
    let given = !request.queries.isEmpty
    let queries = given ? request.queries : perturbedDocuments(of: snapshot, dimension: dimension)
    let queryCount = queries.count / dimension
    let k = min(request.k, snapshot.liveCount)
    return queries.withUnsafeBufferPointer { queries in
      let base = queries.baseAddress!
      let truth = SearchExecutor.exact(
        snapshot, queries: base, queryCount: queryCount, dimension: dimension, metric: after.encoder.metric,
        count: k, parallel: parallel
      ).map { $0.map(\.row) }

      /// Recall as the generation is searched, and of its codes alone: the first k candidates.
      func recall(_ generation: GenerationView) -> (searched: MeasuredRecall, codes: MeasuredRecall) {
        let specification = generation.specification
        if specification.isIdentity && specification.index == .flat {
          // A scan of all full-precision vectors: what exact search is defined by.
          let whole = Recall.estimate(found: truth, truth: truth, k: k)
          return (whole, whole)
        }
        let parameters = SearchExecutor.Parameters(count: k)
        let found = SearchExecutor.candidates(
          snapshot, generation: generation, queries: base, queryCount: queryCount, parameters: parameters,
          parallel: parallel
        ) { query, candidates in
          let best = SearchExecutor.rescore(
            candidates, query: query, snapshot: snapshot, encoder: generation.encoder, parameters: parameters)
          return [best.map(\.row), candidates.prefix(k).map(\.row)]
        }
        return (
          Recall.estimate(found: found.map { $0[0] }, truth: truth, k: k),
          Recall.estimate(found: found.map { $0[1] }, truth: truth, k: k)
        )
      }
      let measured = recall(after)
      return Measurement(
        source: given ? .given : .perturbedDocuments, before: before.map { recall($0).searched },
        after: measured.searched, withoutRescoring: measured.codes)
    }
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
  private func perturbedDocuments(of snapshot: CollectionSnapshot, dimension: Int) -> [Float] {
    var random = SplitMix64(seed: seed)
    let sample = RowSample.rows(of: snapshot, count: Self.perturbedQueryCount, random: &random)
    var queries: [Float] = []
    queries.reserveCapacity(sample.count * dimension)
    // Few documents are taken several times, each time with other noise: the interval needs the queries.
    for number in 0..<Self.perturbedQueryCount {
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
