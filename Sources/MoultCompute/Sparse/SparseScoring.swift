/// How sparse vectors are scored; higher is nearer.
public enum SparseScoring: Sendable, Equatable {
  /// `Σ q[j] · x[j]`.
  case innerProduct
  /// `Σ q[j] · saturated(x[j])`, where x counts terms; see ``BM25``.
  case bm25(BM25)
}

/// What is added to a row's score for one dimension.
protocol PostingScore {
  /// - Parameters:
  ///   - weight: the query's value of this dimension.
  ///   - value: the row's.
  ///   - rowSum: the sum of all of the row's values.
  func part(weight: Double, value: Float, rowSum: Float) -> Double
}

extension PostingScore {
  /// The largest part that a row of the list can have, at least 0, and the largest magnitude of one.
  ///
  /// Parts are monotone in the value (which way is the sign of the weight) and fall with the sum of the row, so
  /// that the ends of both tell; 0 is there because most rows are not in the list.
  func bounds(weight: Double, _ list: PostingList) -> (part: Double, magnitude: Double) {
    let ends = [list.least, list.greatest].map {
      part(weight: weight, value: $0, rowSum: list.leastRowSum)
    }
    return (max(0, ends[0], ends[1]), max(abs(ends[0]), abs(ends[1])))
  }
}

struct InnerProductScore: PostingScore {
  @inline(__always)
  func part(weight: Double, value: Float, rowSum: Float) -> Double { weight * Double(value) }
}

/// The scoring of Robertson and Zaragoza (*The Probabilistic Relevance Framework*, 2009), as Milvus has it: a term
/// that a row has `n` times counts `n·(k1 + 1) / (n + k1·(1 − b + b·length/averageLength))`, times the weight of
/// the query, which is `TermStatistics.query`'s.
public struct BM25: Sendable, Equatable, PostingScore {
  /// How soon more of the same term counts no more, 0 … 3.
  public var k1: Double
  /// How much long rows count less, 0 … 1.
  public var b: Double
  /// Terms in a row on average, of the whole collection; above 0.
  public var averageLength: Double

  public static let defaultK1 = 1.2
  public static let defaultB = 0.75

  public init(k1: Double = BM25.defaultK1, b: Double = BM25.defaultB, averageLength: Double) {
    precondition(k1 >= 0 && b >= 0 && b <= 1 && averageLength > 0)
    self.k1 = k1
    self.b = b
    self.averageLength = averageLength
  }

  /// Counts and lengths below 0 are none.
  @inline(__always)
  func part(weight: Double, value: Float, rowSum: Float) -> Double {
    let count = max(0, Double(value))
    // A row without terms does not come here, so that the divisor is above 0.
    guard count > 0 else { return 0 }
    return weight * (count * (k1 + 1) / (count + k1 * (1 - b + b * max(0, Double(rowSum)) / averageLength)))
  }
}
