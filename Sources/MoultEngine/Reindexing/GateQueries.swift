import Foundation
import MoultCompute
import MoultModel

/// The queries that a generation is measured with, and where they are from: given ones, else those of recent
/// searches, else stored vectors with noise.
struct GateQueries: Sendable {
  let source: SwitchReport.QuerySource
  /// `count × dimension`, row-major.
  let values: [Float]

  /// Distinct recent queries from which on they are trusted: fewer say little about what will be asked.
  static let recentQueriesMin = 100
  /// Standard deviation of the noise of a made-up query, relative to the vector's length.
  private static let perturbation: Float = 0.3

  /// - Parameters:
  ///   - given: by the caller; empty for none.
  ///   - recent: of the collection that is searched today.
  ///   - target: of recall that rescoring is to be calibrated for.
  init(
    given: [Float], recent: RecentQueries, snapshot: CollectionSnapshot, target: Double?, k: Int, seed: UInt64
  ) {
    if !given.isEmpty {
      self.init(source: .given, values: given)
      return
    }
    let asked = recent.distinct()
    if asked.count / recent.dimension >= (target == nil ? 1 : 2) * Self.recentQueriesMin {
      self.init(source: .recentSearches, values: asked)
      return
    }
    self.init(
      source: .perturbedDocuments,
      values: Self.perturbedDocuments(
        of: snapshot, dimension: recent.dimension, count: Self.perturbedQueryCount(target: target, k: k),
        seed: seed))
  }

  /// For a form of which there is nothing to measure.
  static let none = GateQueries(source: .none, values: [])

  private init(source: SwitchReport.QuerySource, values: [Float]) {
    self.source = source
    self.values = values
  }

  /// More where a target of recall needs them, so that one half can show it although some neighbours are missed.
  static func perturbedQueryCount(target: Double?, k: Int) -> Int {
    guard let target else { return 400 }
    return min(4_000, max(400, 4 * RescoringCalibration.queryCountMin(targetRecall: target, k: k)))
  }

  /// Stored vectors with Gaussian noise. Easier than real queries, which lie farther from the documents.
  private static func perturbedDocuments(
    of snapshot: CollectionSnapshot, dimension: Int, count: Int, seed: UInt64
  ) -> [Float] {
    var random = SplitMix64(seed: seed)
    let sample = RowSample.rows(of: snapshot, count: count, random: &random)
    guard !sample.isEmpty else { return [] }
    var queries: [Float] = []
    queries.reserveCapacity(count * dimension)
    // Few documents are taken several times, each time with other noise: the interval needs the queries.
    for number in 0..<count {
      guard let vector = snapshot.vector(ofRow: sample[number % sample.count], dimension: dimension) else {
        continue
      }
      let length = vector.reduce(0) { $0 + $1 * $1 }.squareRoot()
      let scale = perturbation * length / Float(dimension).squareRoot()
      queries.append(contentsOf: vector.map { $0 + scale * gaussian(&random) })
    }
    return queries
  }

  /// A standard normal number (Box and Muller, 1958).
  private static func gaussian(_ random: inout SplitMix64) -> Float {
    let radius = (-2 * log(Float.random(in: Float.leastNormalMagnitude..<1, using: &random))).squareRoot()
    return radius * cos(2 * .pi * Float.random(in: 0..<1, using: &random))
  }
}
