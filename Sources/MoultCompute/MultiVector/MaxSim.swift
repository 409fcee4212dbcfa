public import MoultModel

/// The similarity of two vectors of many rows: Σ over the rows of the first of the greatest similarity to a row of the
/// second. It is not symmetric.
public enum MaxSim {
  /// Rows that are compared at a time: 64 KiB of similarities.
  private static let queryRows = 64
  private static let documentRows = 256

  /// - Parameters:
  ///   - query: `m × dimension`, row-major, at least one row.
  ///   - document: `n × dimension`, likewise.
  /// - Complexity: O(m·n·dimension) time.
  public static func score(
    _ query: [Float], _ document: [Float], dimension: Int, _ similarity: MultiVectorSearch.Similarity
  ) -> Float {
    precondition(dimension > 0 && !query.isEmpty && !document.isEmpty)
    precondition(query.count.isMultiple(of: dimension) && document.count.isMultiple(of: dimension))
    let (m, n) = (query.count / dimension, document.count / dimension)
    var sum: Float = 0
    query.withUnsafeBufferPointer { query in
      document.withUnsafeBufferPointer { document in
        withUnsafeTemporaryAllocation(of: Float.self, capacity: queryRows * documentRows) { similarities in
          let similarities = similarities.baseAddress!
          for first in stride(from: 0, to: m, by: queryRows) {
            let rows = min(queryRows, m - first)
            var best = [Float](repeating: -.infinity, count: rows)
            for other in stride(from: 0, to: n, by: documentRows) {
              let columns = min(documentRows, n - other)
              compare(
                query.baseAddress! + first * dimension, rows, document.baseAddress! + other * dimension,
                columns,
                dimension, similarity, into: similarities)
              for row in 0..<rows {
                var greatest = best[row]
                for column in 0..<columns {
                  greatest = max(greatest, similarities[row * documentRows + column])
                }
                best[row] = greatest
              }
            }
            for greatest in best { sum += greatest }
          }
        }
      }
    }
    return sum
  }

  /// - Parameter similarities: `rows × columns`, its rows ``documentRows`` floats apart.
  private static func compare(
    _ query: UnsafePointer<Float>, _ rows: Int, _ document: UnsafePointer<Float>, _ columns: Int,
    _ dimension: Int, _ similarity: MultiVectorSearch.Similarity,
    into similarities: UnsafeMutablePointer<Float>
  ) {
    guard similarity != .innerProduct else {
      return BLAS.multiplyTransposed(
        query, rows: rows, document, columns: columns, depth: dimension, bStride: dimension,
        into: similarities, stride: documentRows)
    }
    for row in 0..<rows {
      for column in 0..<columns {
        let (one, other) = (query + row * dimension, document + column * dimension)
        similarities[row * documentRows + column] =
          similarity == .euclidean
          ? -RowDistance.squaredEuclidean(one, other, dimension)
          : -RowDistance.manhattan(one, other, dimension)
      }
    }
  }
}
