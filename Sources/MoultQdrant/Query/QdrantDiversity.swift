/// Maximal marginal relevance (Carbonell and Goldstein, 1998).
enum QdrantDiversity {
  /// Chooses the next one by λ·(its relevance) − (1 − λ)·(its greatest similarity to one that was chosen), beginning
  /// with the most relevant. Of equal ones the last is taken, and the last of all takes its place in the order.
  ///
  /// - Parameters:
  ///   - relevance: of each candidate.
  ///   - similarity: of two candidates; asked for `limit` times all at most.
  /// - Returns: places of candidates.
  static func choose(
    _ limit: Int, relevance: [Float], balance: Float, similarity: (Int, Int) throws -> Float
  ) rethrows -> [Int] {
    var pending = Array(relevance.indices)
    var closest = [Float](repeating: -.infinity, count: relevance.count)
    var chosen: [Int] = []
    func take(_ score: (Int) -> Float) {
      var best = 0
      for place in pending.indices where score(pending[place]) >= score(pending[best]) { best = place }
      chosen.append(pending[best])
      pending.swapAt(best, pending.count - 1)
      pending.removeLast()
    }
    while chosen.count < limit, !pending.isEmpty {
      guard let last = chosen.last else {
        take { relevance[$0] }
        continue
      }
      for candidate in pending {
        closest[candidate] = max(closest[candidate], try similarity(candidate, last))
      }
      take { balance * relevance[$0] - (1 - balance) * closest[$0] }
    }
    return chosen
  }
}
