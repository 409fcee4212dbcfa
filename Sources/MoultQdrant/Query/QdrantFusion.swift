internal import MoultModel

/// Makes one ranking of several.
enum QdrantFusion: Sendable, Equatable {
  /// Reciprocal rank fusion: Σ 1 / ((place + 1) / weight + k − 1), places from 0, `k` 2 unless it is given.
  case reciprocal(k: Int?, weights: [Float]?)
  /// Σ (s − (μ − 3σ)) / 6σ over the rankings that have a point, with each ranking's mean and standard deviation (of
  /// n − 1); ½ in a ranking of one point or of equal scores.
  case distribution

  /// - Returns: every point once, best first; points of equal scores in the order in which they come first.
  /// - Throws: 400 for another number of weights than rankings.
  func fused(_ rankings: [[QdrantHit]]) throws(QdrantError) -> [QdrantHit] {
    var places: [PointID: Int] = [:]
    var fused: [(hit: QdrantHit, score: Double)] = []
    func add(_ hit: QdrantHit, _ score: Double) {
      if let place = places[hit.id] {
        fused[place].score += score
      } else {
        places[hit.id] = fused.count
        fused.append((hit, score))
      }
    }
    switch self {
    case .reciprocal(let k, let weights):
      if let weights, weights.count != rankings.count {
        throw .validation(
          "[rrf.weights: expected one for each of \(rankings.count) prefetches, got \(weights.count)]")
      }
      let k = Double(k ?? 2)
      for (index, hits) in rankings.enumerated() {
        let weight = Double(weights?[index] ?? 1)
        for (place, hit) in hits.enumerated() {
          add(hit, weight > 0 ? 1 / (Double(place + 1) / weight + k - 1) : 0)
        }
      }
    case .distribution:
      for hits in rankings where !hits.isEmpty {
        let scores = hits.map { Double($0.score) }
        let mean = scores.reduce(0, +) / Double(scores.count)
        let squares = scores.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
        let deviation = scores.count > 1 ? (squares / Double(scores.count - 1)).squareRoot() : 0
        for (hit, score) in zip(hits, scores) {
          add(hit, deviation > 0 ? (score - (mean - 3 * deviation)) / (6 * deviation) : 0.5)
        }
      }
    }
    // Sorting is stable.
    return fused.sorted { $0.score > $1.score }.map { fused in
      var hit = fused.hit
      hit.score = Float(fused.score)
      return hit
    }
  }
}
