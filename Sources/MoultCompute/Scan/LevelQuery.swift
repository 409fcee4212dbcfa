internal import MoultModel

/// A query of integer codes: signed bytes, one a dimension of the layout, and what their sums mean.
///
///     score = base + additive + factor·(scale·Σ weights[j]·level[j] + offset)
///
/// With a second limb, `low`, the sum is `scale·Σ weights·level + lowScale·Σ low·level`.
struct LevelQuery: Sendable {
  var weights: [Int8]
  var low: [Int8]?
  var scale: Float
  var lowScale: Float = 0
  var offset: Float = 0
  var base: Float = 0
  /// Standard deviation, over the rows of the collection, of what the layout's tail adds inside the brackets;
  /// 0 where there is no tail.
  var tailDeviation: Float = 0

  /// Standard error of the bracket as a row's code causes it, for codes that know it: that of the score is
  /// `factor` times this.
  var deviation: Float = 0

  /// Rounds `values` to signed bytes of one scale, max|values|/127; all 0 where that is no normal number.
  ///
  /// - Parameters:
  ///   - limbs: 1, or 2 for a second limb with 1/254 of the scale.
  ///   - target: whose spare memory takes the weights, where it has as many.
  init(rounding values: UnsafeBufferPointer<Float>, limbs: Int = 1, reusing target: PreparedQuery? = nil) {
    var largest: Float = 0
    for j in 0..<values.count { largest = max(largest, abs(values[j])) }
    let unit = largest / 127
    weights = target?.takeSpareWeights() ?? []
    if weights.count != values.count { weights = [Int8](repeating: 0, count: values.count) }
    low = limbs == 2 ? weights : nil
    guard unit.isNormal && (1 / unit).isFinite else {
      scale = 0
      for j in 0..<weights.count { weights[j] = 0 }
      low = low.map { [Int8](repeating: 0, count: $0.count) }
      return
    }
    scale = unit
    lowScale = limbs == 2 ? unit / 254 : 0
    let inverse = 1 / unit
    for j in 0..<values.count {
      let value = values[j] * inverse
      if limbs == 2 {
        (weights[j], low![j]) = value.limbs
      } else {
        weights[j] = value.nearestInt8
      }
    }
  }

  /// A query whose integers are known.
  init(weights: [Int8], scale: Float, base: Float, deviation: Float) {
    self.weights = weights
    self.scale = scale
    self.base = base
    self.deviation = deviation
  }

  /// What the `best` rows of a scan, whose scores lack the query's base, come to: nearest first.
  func neighbors(_ best: TopK, metric: Metric) -> [Neighbor] {
    // The base can make different scores equal, so what is listed is put in order after it.
    best.sorted().map { neighbor in
      let score = neighbor.score + base
      // Rounding can leave a tiny negative distance where the query is the code; distances are ≥ 0.
      return Neighbor(row: neighbor.row, score: metric == .squaredEuclidean ? min(0, score) : score)
    }.sorted()
  }
}
