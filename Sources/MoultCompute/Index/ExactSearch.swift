public import MoultModel

/// A part of a collection as exact search sees it.
public struct ExactSegment: Sendable {
  /// Rows of the identity encoder: float32, with the inverse norm as side data.
  public var codes: CodeView
  public var live: LiveRows
  /// The number that row 0 has in results; row `i` is `firstRow + i`.
  public var firstRow: Int64

  public init(codes: CodeView, live: LiveRows = .all, firstRow: Int64 = 0) {
    self.codes = codes
    self.live = live
    self.firstRow = firstRow
  }
}

/// A row of a whole collection and its score; ordered like `Neighbor`.
public struct GlobalNeighbor: Sendable, Equatable, Comparable {
  public var row: Int64
  public var score: Float

  public init(row: Int64, score: Float) {
    self.row = row
    self.score = score
  }

  /// Whether `left` is listed before `right`: higher score, then smaller row.
  public static func < (left: GlobalNeighbor, right: GlobalNeighbor) -> Bool {
    left.score > right.score || (left.score == right.score && left.row < right.row)
  }
}

/// Exact nearest neighbours: the truth that everything else is measured against.
///
/// The answer is defined by the row kernels: the `k` best rows by their float32 score, of equal scores the
/// smaller row. That does not depend on batch, tiles or threads. From 16 queries on, `sgemm` over tiles
/// finds candidates, k + 16 a query and part of the data, and the row kernel scores them again. A candidate
/// list is proven complete by the error bound of the two: were something left out that could matter (many
/// equal or nearly equal rows at the edge), that query is scanned with the row kernel instead.
public enum ExactSearch {
  /// Below this many queries `sgemm` is slower than the row kernels.
  static let batchMin = 16
  /// Queries and rows of a tile: 2 MiB of products (8 % faster than a quarter of that, which would fit the
  /// second-level cache).
  static let tileQueries = 256
  static let tileRows = 2048
  private static let spare = 16

  /// - Parameters:
  ///   - queries: `queryCount × dimension`, finite.
  ///   - segments: their row ranges must not overlap; row strides are multiples of 4.
  ///   - k: hits wanted per query.
  /// - Returns: per query the hits, nearest first; fewer than `k` when fewer rows are live.
  /// - Complexity: O(queryCount · rows · dimension) time; 2 MiB and a block of queries a running body,
  ///   and candidate lists of at most 256 MiB.
  public static func search(
    queries: UnsafePointer<Float>, queryCount: Int, dimension: Int, metric: Metric,
    segments: [ExactSegment], k: Int, parallel: ParallelFor = .serial
  ) -> [[GlobalNeighbor]] {
    precondition(queryCount >= 0 && dimension > 0 && k >= 0)
    for segment in segments {
      precondition(segment.codes.rowStride % 4 == 0 && segment.codes.count <= Int(UInt32.max))
      precondition(segment.codes.side != nil || segment.codes.count == 0)
    }
    if queryCount == 0 { return [] }
    let encoder = VectorEncoder.identity(dimension: dimension, metric: metric)
    let prepared = (0..<queryCount).map { encoder.prepare(queries + $0 * dimension) }
    let parts = parts(of: segments, listBytes: queryCount * (k + spare) * 8)
    if queryCount < batchMin {
      return scan(prepared, encoder: encoder, segments: segments, parts: parts, k: k, parallel: parallel)
    }
    return BatchDistance(
      encoder: encoder, queries: prepared, segments: segments, parts: parts, k: k, spare: spare
    ).search(parallel: parallel)
  }

  /// A run of rows of one segment.
  struct Part: Sendable {
    var segment: Int
    var first: Int
    var count: Int
  }

  /// Cuts the rows into at most about 64 parts of at least 8192 rows; fewer where the candidate lists,
  /// `listBytes` a part, would take more than 256 MiB. The number of threads plays no role.
  private static func parts(of segments: [ExactSegment], listBytes: Int) -> [Part] {
    let total = segments.reduce(0) { $0 + $1.codes.count }
    let partsMax = max(1, min(64, 0x1000_0000 / max(1, listBytes)))
    let wanted = max(8192, (total + partsMax - 1) / partsMax)
    let rows = (wanted + tileRows - 1) / tileRows * tileRows
    var parts: [Part] = []
    for (index, segment) in segments.enumerated() {
      for first in stride(from: 0, to: segment.codes.count, by: rows) {
        parts.append(Part(segment: index, first: first, count: min(rows, segment.codes.count - first)))
      }
    }
    return parts
  }

  /// Every row by the row kernel. A block of rows is scored for all queries while it is in the cache.
  static func scan(
    _ queries: [PreparedQuery], encoder: VectorEncoder, segments: [ExactSegment], parts: [Part], k: Int,
    parallel: ParallelFor
  ) -> [[GlobalNeighbor]] {
    let found = ResultSlots<[TopK]?>(repeating: nil, count: parts.count)
    parallel.run(parts.count) { index in
      let part = parts[index]
      let segment = segments[part.segment]
      var best = queries.map { _ in TopK(k) }
      withUnsafeTemporaryAllocation(of: Float.self, capacity: 256) { buffer in
        let scores = buffer.baseAddress!
        for first in stride(from: part.first, to: part.first + part.count, by: 256) {
          let count = min(256, part.first + part.count - first)
          for q in 0..<queries.count {
            encoder.score(queries[q], segment.codes, first: first, count: count, into: scores)
            best[q].offer(scores: scores, count: count, firstRow: first, live: segment.live)
          }
        }
      }
      found[index] = best
    }
    let lists = (0..<parts.count).map { found[$0]! }
    return (0..<queries.count).map { q in
      var hits: [GlobalNeighbor] = []
      for (part, best) in zip(parts, lists) {
        let firstRow = segments[part.segment].firstRow
        for neighbor in best[q].sorted() {
          hits.append(GlobalNeighbor(row: firstRow + Int64(neighbor.row), score: neighbor.score))
        }
      }
      return Array(hits.sorted().prefix(k))
    }
  }
}
