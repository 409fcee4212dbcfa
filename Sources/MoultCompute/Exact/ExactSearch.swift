public import MoultModel

/// Exact nearest neighbours: the truth that everything else is measured against.
///
/// The answer is defined in double: the `k` best live rows by their float64 score, of equal scores the smaller
/// row, each with its score rounded to float.
///
///     cosine             ⟨q, x⟩ / (‖q‖·‖x‖); 0 where either is the zero vector
///     inner product      ⟨q, x⟩
///     squared Euclidean  −‖q − x‖²
///
/// Sums run in one fixed order (`dot_f32_f64` in `kernels.h`), so equal rows have equal scores, and neither
/// machine nor batch, threads or segments play a role. Rounding may give two rows one float score: their order
/// is still that of the float64 scores.
///
/// Few rows are scored in double. A first look in less precision, with a bound that is proven, leaves out what
/// cannot belong to the hits: `FloatFilter` for a few queries, `CertifiedScan` with signed bytes for many, or for those
/// the device of `parallel`.
public enum ExactSearch {
  /// Below this many queries coding the rows costs more than it saves.
  static let batchMin = 8
  /// Queries that scan rows while they are coded: their bytes share the second-level cache.
  private static let groupMax = 1024
  /// Sums of byte products are exact up to here.
  private static let codedDimensionMax = 32_768

  /// - Parameters:
  ///   - queries: `queryCount × dimension`, finite.
  ///   - segments: their row ranges must not overlap; row strides are multiples of 4.
  ///   - k: hits wanted per query.
  /// - Returns: per query the hits, nearest first; fewer than `k` when fewer rows are live.
  /// - Complexity: O(queryCount · rows · dimension) time; a running body takes about 1 MiB, and O(k) a query.
  public static func search(
    queries: UnsafePointer<Float>, queryCount: Int, dimension: Int, metric: Metric,
    segments: [ExactSegment], k: Int, parallel: ParallelFor = .serial
  ) -> [[GlobalNeighbor]] {
    reported(
      queries: queries, queryCount: queryCount, dimension: dimension, metric: metric, segments: segments,
      k: k,
      parallel: parallel
    ).hits
  }

  /// `search`, and what it had to do.
  package static func reported(
    queries: UnsafePointer<Float>, queryCount: Int, dimension: Int, metric: Metric,
    segments: [ExactSegment], k: Int, parallel: ParallelFor = .serial
  ) -> (hits: [[GlobalNeighbor]], report: ExactReport) {
    precondition(queryCount >= 0 && dimension > 0 && k >= 0)
    for segment in segments {
      precondition(segment.codes.rowStride % 4 == 0 && segment.codes.count <= Int(UInt32.max))
      precondition(segment.codes.side != nil || segment.codes.count == 0)
    }
    if k == 0 { return (Array(repeating: [], count: queryCount), ExactReport()) }
    let onDevice = parallel.device?.exact(
      queries, count: queryCount, dimension: dimension, metric: metric, segments: segments, k: k)
    if let onDevice { return onDevice }
    let prepared = (0..<queryCount).map {
      ExactQuery(queries + $0 * dimension, dimension: dimension, metric: metric)
    }
    let parts = parts(of: segments)
    var (hits, report): ([[GlobalNeighbor]], ExactReport) = ([], ExactReport())
    for first in stride(from: 0, to: queryCount, by: groupMax) {
      let group = Array(prepared[first..<min(queryCount, first + groupMax)])
      let board = ExactBoard(queryCount: group.count, k: k)
      if group.count < batchMin || dimension > codedDimensionMax {
        parallel.run(parts.count) { scan(group, segments: segments, part: parts[$0], k: k, board: board) }
      } else {
        let scan = CertifiedScan(queries: group, segments: segments, k: k, parallel: parallel)
        parallel.run(parts.count) { scan.scan(parts[$0], board: board) }
      }
      let results = board.results()
      hits += results.hits
      report.add(results.report)
    }
    return (hits, report)
  }

  /// `reported` for vectors that a device holds, if it holds some.
  ///
  /// - Parameter segments: those of `held`.
  package static func reported(
    queries: UnsafePointer<Float>, queryCount: Int, dimension: Int, metric: Metric,
    segments: [ExactSegment], held: DeviceSet?, k: Int, parallel: ParallelFor
  ) -> (hits: [[GlobalNeighbor]], report: ExactReport) {
    if let held, queryCount >= batchMin, let found = held.search(queries, count: queryCount, k: k) {
      return found
    }
    return reported(
      queries: queries, queryCount: queryCount, dimension: dimension, metric: metric, segments: segments,
      k: k,
      parallel: parallel)
  }

  /// A run of rows of one segment.
  struct Part: Sendable {
    var segment: Int
    var first: Int
    var count: Int
  }

  /// Cuts the rows into at most about 64 parts of at least 8192 rows.
  static func parts(of segments: [ExactSegment]) -> [Part] {
    let total = segments.reduce(0) { $0 + $1.codes.count }
    let rows = (max(8192, (total + 63) / 64) + 1023) / 1024 * 1024
    var parts: [Part] = []
    for (index, segment) in segments.enumerated() {
      for first in stride(from: 0, to: segment.codes.count, by: rows) {
        parts.append(Part(segment: index, first: first, count: min(rows, segment.codes.count - first)))
      }
    }
    return parts
  }

  /// Every row by the float kernels. A block of rows is scored for all queries while it is in the cache.
  private static func scan(
    _ queries: [ExactQuery], segments: [ExactSegment], part: Part, k: Int, board: ExactBoard
  ) {
    let reached = board.thresholds()
    var best = [ExactTop](repeating: ExactTop(k), count: queries.count)
    var report = ExactReport()
    withUnsafeTemporaryAllocation(of: Float.self, capacity: FloatFilter.rowsMax) { buffer in
      let filter = FloatFilter(scores: buffer.baseAddress!)
      for first in stride(from: part.first, to: part.first + part.count, by: FloatFilter.rowsMax) {
        let rows = FloatFilter.Span(
          first: first, count: min(FloatFilter.rowsMax, part.first + part.count - first))
        let block = FloatFilter.Block(segments[part.segment], rows, metric: queries[0].metric)
        for q in 0..<queries.count {
          report.scored += filter.scan(queries[q], block, threshold: reached[q], into: &best[q])
        }
      }
    }
    board.add(best, report)
  }
}
