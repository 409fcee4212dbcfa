/// Exact nearest neighbours among vectors of bits: every row is compared.
public enum BinarySearch {
  /// Rows whose distances are worked out at once: they stay in the first-level cache for all queries.
  private static let chunk = 128

  /// - Parameters:
  ///   - queries: `queryCount` vectors of `rows.rowBytes` bytes, one after the other.
  ///   - live: rows to look at.
  ///   - device: for several queries by Hamming distance, which it may answer instead.
  /// - Returns: per query at most `k` hits, nearest first, of equal distances the smaller row first. A hit's score
  ///   is its distance, negated.
  /// - Complexity: O(queryCount · rows · bytes) time.
  public static func search(
    queries: UnsafePointer<UInt8>, queryCount: Int, rows: BinaryRows, metric: BinaryMetric, k: Int,
    live: LiveRows = .all, device: DeviceUse? = nil
  ) -> [[Neighbor]] {
    if metric == .hamming,
      let found = device?.nearestBits(queries, count: queryCount, rows: rows, k: k, live: live)
    {
      return found
    }
    var tops = [TopK](repeating: TopK(k), count: queryCount)
    let bits = (0..<queryCount).map { setBits(queries + $0 * rows.rowBytes, rows.rowBytes) }
    withUnsafeTemporaryAllocation(of: Float.self, capacity: chunk) { scores in
      var first = 0
      while k > 0, first < rows.count {
        let part = BinaryRows(
          rows: rows.rows + first * rows.stride, stride: rows.stride, rowBytes: rows.rowBytes,
          count: min(chunk, rows.count - first))
        withRowBits(of: part, metric) { rowBits in
          for query in 0..<queryCount {
            distances(
              queries + query * rows.rowBytes, bits[query], part, nil, part.count, rowBits, metric,
              into: scores.baseAddress!)
            for i in 0..<part.count { scores[i] = -scores[i] }
            tops[query].offer(
              scores: scores.baseAddress!, count: part.count, firstRow: first, live: live)
          }
        }
        first += part.count
      }
    }
    return tops.map { $0.sorted() }
  }

  /// Distances of some rows.
  ///
  /// - Parameters:
  ///   - query: `rows.rowBytes` bytes.
  ///   - indices: `count` row numbers.
  ///   - distances: room for `count`.
  public static func distances(
    from query: UnsafePointer<UInt8>, to rows: BinaryRows, indices: UnsafePointer<UInt32>, count: Int,
    metric: BinaryMetric, into distances: UnsafeMutablePointer<Float>
  ) {
    let bits = setBits(query, rows.rowBytes)
    var first = 0
    while first < count {
      let part = min(chunk, count - first)
      withRowBits(of: rows, metric, indices: indices + first, count: part) { rowBits in
        self.distances(query, bits, rows, indices + first, part, rowBits, metric, into: distances + first)
      }
      first += part
    }
  }

  private static func setBits(_ vector: UnsafePointer<UInt8>, _ bytes: Int) -> UInt32 {
    (0..<bytes).reduce(0) { $0 + UInt32(vector[$1].nonzeroBitCount) }
  }

  /// Set bits of each row, where the metric asks for them: the distance to a vector without bits.
  private static func withRowBits(
    of rows: BinaryRows, _ metric: BinaryMetric, indices: UnsafePointer<UInt32>? = nil, count: Int? = nil,
    _ body: (UnsafePointer<UInt32>?) -> Void
  ) {
    guard metric == .jaccard else { return body(nil) }
    withUnsafeTemporaryAllocation(of: UInt32.self, capacity: chunk) { bits in
      withUnsafeTemporaryAllocation(of: UInt8.self, capacity: rows.rowBytes) { none in
        none.initialize(repeating: 0)
        KernelTable.best.hammingRows(
          none.baseAddress, rows.rows, rows.stride, indices, count ?? rows.count, rows.rowBytes,
          bits.baseAddress)
      }
      body(bits.baseAddress)
    }
  }

  private static func distances(
    _ query: UnsafePointer<UInt8>, _ queryBits: UInt32, _ rows: BinaryRows, _ indices: UnsafePointer<UInt32>?,
    _ count: Int, _ rowBits: UnsafePointer<UInt32>?, _ metric: BinaryMetric,
    into distances: UnsafeMutablePointer<Float>
  ) {
    withUnsafeTemporaryAllocation(of: UInt32.self, capacity: chunk) { differing in
      KernelTable.best.hammingRows(
        query, rows.rows, rows.stride, indices, count, rows.rowBytes, differing.baseAddress)
      for i in 0..<count {
        distances[i] = metric.distance(
          differing: differing[i], bits: rowBits.map { queryBits + $0[i] } ?? 0)
      }
    }
  }
}
