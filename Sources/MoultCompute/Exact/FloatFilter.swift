internal import MoultModel

/// Rows by the float32 kernels, those that may belong to the hits once more in double.
///
/// With u = 2⁻²⁴ and d the dimension, the kernels promise (see `kernels.h`)
///
///     |dot − ⟨q, x⟩| ≤ d·u·Σ|q[j]·x[j]| ≤ d·u·‖q‖·‖x‖        |l2 − ‖q−x‖²| ≤ (d + 2)·u·‖q−x‖²
///
/// and d·2⁻¹⁴⁹ more where products underflow. Cosines are compared as ⟨q, x⟩/‖x‖, with the stored 1/‖x‖: two
/// more roundings. The float64 score itself is within 10⁻¹¹ of ‖q‖·‖x‖, ‖q−x‖² for distances. What is not
/// finite, and rows whose 1/‖x‖ is no normal number, are always scored.
struct FloatFilter {
  /// Rows of a block: its scores and, mostly, its rows stay in the second-level cache for all queries.
  static let rowsMax = 256

  private let scores: UnsafeMutablePointer<Float>

  /// - Parameter scores: room for `rowsMax` floats.
  init(scores: UnsafeMutablePointer<Float>) {
    self.scores = scores
  }

  /// A run of rows of a segment, at most `rowsMax`.
  struct Span {
    var first: Int
    var count: Int
  }

  /// What all queries need to know of a block of rows of one segment.
  struct Block {
    let segment: ExactSegment
    let first: Int
    let count: Int
    /// At least the length of the longest row, and 1/‖x‖ of the shortest, where the metric needs them.
    private(set) var longest = 0.0
    private(set) var largestInverse = 0.0

    init(_ segment: ExactSegment, _ rows: Span, metric: Metric) {
      self.segment = segment
      first = rows.first
      count = rows.count
      guard metric != .squaredEuclidean else { return }
      var (least, most) = (Float.infinity, Float(0))
      for i in 0..<count {
        let inverse = segment.inverseNorm(first + i)
        if inverse > 0 { least = min(least, inverse) }
        most = max(most, inverse)
      }
      // 1.001: of a denormal 1/‖x‖ only some ten bits are known.
      longest = least.isFinite ? 1.001 / Double(least) : 0
      largestInverse = Double(most)
    }
  }

  /// Offers all live rows of `block` that can score at least `threshold`, and returns how many were scored.
  func scan(_ query: ExactQuery, _ block: Block, threshold: Double, into top: inout ExactTop) -> Int {
    score(query, block)
    var scored = 0
    var bar = bar(query, block, max(threshold, top.threshold))
    var i = 0
    while i < block.count {
      if i + 8 <= block.count {
        let p = scores + i
        let allFail =
          FloatFilter.fails(p[0], bar) && FloatFilter.fails(p[1], bar) && FloatFilter.fails(p[2], bar)
          && FloatFilter.fails(p[3], bar) && FloatFilter.fails(p[4], bar) && FloatFilter.fails(p[5], bar)
          && FloatFilter.fails(p[6], bar) && FloatFilter.fails(p[7], bar)
        if allFail {
          i += 8
          continue
        }
      }
      for j in i..<min(i + 8, block.count) where !FloatFilter.fails(scores[j], bar) {
        let row = block.first + j
        guard block.segment.live.contains(row) else { continue }
        top.offer(
          ExactTop.Hit(
            score: query.score(block.segment.row(row)), row: block.segment.firstRow + Int64(row)))
        scored += 1
        bar = self.bar(query, block, max(threshold, top.threshold))
      }
      i += 8
    }
    return scored
  }

  /// NaN and −∞ come from sums that overflowed: they say nothing.
  @inline(__always)
  private static func fails(_ score: Float, _ bar: Float) -> Bool {
    score < bar && score > -.infinity
  }

  private func score(_ query: ExactQuery, _ block: Block) {
    let kernels = KernelTable.best
    let codes = block.segment.codes
    let rows = block.segment.row(block.first)
    switch query.metric {
    case .innerProduct:
      kernels.dotRows(query.floats, rows, codes.rowStride, nil, block.count, query.dimension, scores)
    case .cosine:
      kernels.dotRows(query.floats, rows, codes.rowStride, nil, block.count, query.dimension, scores)
      for i in 0..<block.count {
        let inverse = block.segment.inverseNorm(block.first + i)
        scores[i] = ExactSegment.isTrusted(inverse) ? scores[i] * inverse : .nan
      }
    case .squaredEuclidean:
      kernels.squaredL2Rows(query.floats, rows, codes.rowStride, nil, block.count, query.dimension, scores)
      for i in 0..<block.count { scores[i] = -scores[i] }
    }
  }

  /// What a float score must reach for the float64 one to possibly reach `threshold`.
  private func bar(_ query: ExactQuery, _ block: Block, _ threshold: Double) -> Float {
    let roundings = Double(query.dimension + 4) * 0x1.02p-24 + 1e-11
    let underflow = Double(query.dimension) * 0x1p-148
    switch query.metric {
    case .innerProduct:
      return (threshold - roundings * query.norm * block.longest - underflow).roundedDown()
    case .cosine:
      return (threshold * query.norm - roundings * query.norm - underflow * (1 + block.largestInverse))
        .roundedDown()
    case .squaredEuclidean:
      return (threshold * (1 + roundings) - underflow).roundedDown()
    }
  }
}
