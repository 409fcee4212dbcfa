/// Texts as sparse vectors: a dimension for each term, how often it stands there as value.
public enum TermVector {
  /// The dimension of a term: 64 bits of FNV-1a folded to 32. Of a million terms some hundred share theirs with
  /// another and count as one with it.
  ///
  /// *Changing this makes stored term vectors meaningless.*
  public static func dimension(of term: String) -> UInt32 {
    let hash = FNV1a.hash(term.utf8)
    let folded = UInt32(truncatingIfNeeded: hash ^ hash >> 32)
    return min(folded, SparseVector.indexMax)
  }

  /// - Complexity: O(n log n).
  public static func counts(of terms: some Sequence<String>) -> SparseVector {
    var counts: [UInt32: Float] = [:]
    // Exact to 2²⁴ of the same term.
    for term in terms { counts[dimension(of: term), default: 0] += 1 }
    let sorted = counts.sorted { $0.key < $1.key }
    return SparseVector(checked: sorted.map(\.key), sorted.map(\.value))
  }
}
