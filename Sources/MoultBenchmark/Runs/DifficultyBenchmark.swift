internal import Foundation
internal import MoultCompute
internal import MoultModel

/// How hard a set is to search, whatever the index: figures to compare a made set with a real one.
///
/// - Local intrinsic dimension: the maximum-likelihood estimate of Levina and Bickel (2004) from the distances
///   r₁ … r_k of a query's neighbours, k − 1 over the sum of ln(r_k/rⱼ); its inverses are averaged, as MacKay
///   and Ghahramani propose. The higher, the more rows are about as near as the nearest.
/// - Relative contrast (He, Kumar, Chang 2012): mean distance over that of the nearest row. The nearer to 1,
///   the harder.
///
/// Distances are Euclidean, under cosine those of the normalized vectors.
package enum DifficultyBenchmark {
  /// Rows that stand for all in the mean distance.
  private static let sampleRows = 1000
  /// Below it two rows count as the same one, which says nothing about a dimension.
  private static let distanceMin = 1e-4

  /// - Throws: `unsupported` for inner products, which are no distance.
  package static func run(_ data: BenchmarkData, _ options: BenchmarkOptions, _ sink: RecordSink) throws {
    guard data.metric != .innerProduct else {
      throw MoultError(.unsupported, "the difficulty of a set is one of distances; use --metric cosine or l2")
    }
    let team = options.team
    let originals = data.originals(team)
    let hits = data.queries.withUnsafeBufferPointer {
      ExactSearch.search(
        queries: $0.baseAddress!, queryCount: data.queryCount, dimension: data.dimension, metric: data.metric,
        segments: [ExactSegment(codes: originals.view)], k: options.k + 1, parallel: team.parallelFor)
    }
    let encoder = VectorEncoder.identity(dimension: data.dimension, metric: data.metric)
    let step = max(1, data.rowCount / sampleRows)
    let sample = stride(from: 0, to: data.rowCount, by: step).map { UInt32($0) }
    var (inverses, contrasts, farthest): ([Double], [Double], [Double]) = ([], [], [])
    for (query, found) in hits.enumerated() {
      let near = found.map { distance($0.score, data.metric) }.filter { $0 > distanceMin }.prefix(options.k)
      guard near.count > 1, let first = near.first, let last = near.last else { continue }
      inverses.append(near.dropLast().reduce(0) { $0 + log(last / $1) } / Double(near.count - 1))
      let scores = data.queries.withUnsafeBufferPointer { queries in
        [Float](unsafeUninitializedCapacity: sample.count) { scores, count in
          encoder.score(
            encoder.prepare(queries.baseAddress! + query * data.dimension), originals.view, indices: sample,
            count: sample.count, into: scores.baseAddress!)
          count = sample.count
        }
      }
      contrasts.append(scores.reduce(0) { $0 + distance($1, data.metric) } / Double(scores.count) / first)
      farthest.append(last)
    }
    guard !inverses.isEmpty else {
      throw MoultError(.invalidArgument, "'\(data.name)' has no two rows at a distance from the queries")
    }
    var record = data.record("difficulty", EncodingSpecification(), threads: options.threads)
    record.k = options.k
    record.localDimension = 1 / mean(inverses)
    record.relativeContrast = mean(contrasts)
    record.neighbourDistance = mean(farthest)
    record.checksum = Checksum.of(hits.map { $0.map(\.row) })
    try sink(record)
  }

  /// Of a score as searches have it: a cosine, or minus the squared distance.
  private static func distance(_ score: Float, _ metric: Metric) -> Double {
    max(0, metric == .cosine ? 2 - 2 * Double(score) : -Double(score)).squareRoot()
  }

  private static func mean(_ values: [Double]) -> Double { values.reduce(0, +) / Double(values.count) }
}
