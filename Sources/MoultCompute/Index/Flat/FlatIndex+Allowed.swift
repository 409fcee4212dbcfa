extension FlatIndex {
  /// The `k` nearest of the rows that `allowed` names, nearest first; the codes of others are not read.
  ///
  /// - Parameters:
  ///   - query: prepared by `encoder`.
  ///   - codes: written by `encoder`.
  ///   - allowed: must have words: one bit for each of the codes.
  /// - Complexity: a look at every word of `allowed`, and one score an allowed row.
  public static func searchAllowed(
    encoder: VectorEncoder, query: PreparedQuery, codes: CodeView, allowed: LiveRows, k: Int
  ) -> [Neighbor] {
    guard let words = allowed.words else {
      return search(encoder: encoder, query: query, codes: codes, live: .all, k: k)
    }
    var best = TopK(k)
    withUnsafeTemporaryAllocation(of: UInt32.self, capacity: allowedBlock + 64) { rows in
      withUnsafeTemporaryAllocation(of: Float.self, capacity: allowedBlock + 64) { scores in
        var count = 0
        func flush() {
          encoder.score(
            query, codes, indices: rows.baseAddress!, count: count, into: scores.baseAddress!)
          best.offer(rows: rows.baseAddress!, scores: scores.baseAddress!, count: count)
          count = 0
        }
        for word in 0..<(codes.count + 63) / 64 {
          var bits = words[word]
          while bits != 0 {
            let row = word * 64 + bits.trailingZeroBitCount
            bits &= bits - 1
            if row >= codes.count { break }
            rows[count] = UInt32(row)
            count += 1
          }
          if count >= allowedBlock { flush() }
        }
        flush()
      }
    }
    return best.sorted()
  }

  /// Rows scored at a time.
  private static let allowedBlock = 256
}
