internal import MoultModel

/// Exact search for a batch of queries: `sgemm` over tiles of queries and rows, top k fused, candidates
/// scored again by the row kernel. See `ExactSearch` for what it promises.
///
/// A tile's product is at most `dimension · 2⁻²⁴ · Σ|q[j]·x[j]| ≤ dimension · 2⁻²⁴ · ‖q‖·‖x‖` away from the
/// true one, and so is the row kernel's. Inner order of the tiles is by
///
///     cosine  ⟨q, x⟩/‖x‖        inner product  ⟨q, x⟩        squared Euclidean  2⟨q, x⟩ − ‖x‖²
///
/// (‖q‖² is the same for all rows and is left out).
struct BatchDistance: Sendable {
  let encoder: VectorEncoder
  let queries: [PreparedQuery]
  let segments: [ExactSegment]
  let parts: [ExactSearch.Part]
  let k: Int
  let spare: Int

  private var dimension: Int { encoder.dimension }

  func search(parallel: ParallelFor) -> [[GlobalNeighbor]] {
    let tile = ExactSearch.tileQueries
    let groupCount = (queries.count + tile - 1) / tile
    let found = ResultSlots<[TopK]?>(repeating: nil, count: groupCount * parts.count)
    parallel.run(groupCount * parts.count) { index in
      let (group, part) = (index / parts.count, index % parts.count)
      let range = group * tile..<min(queries.count, (group + 1) * tile)
      found[index] = candidates(of: range, in: parts[part])
    }
    let lists = (0..<groupCount * parts.count).map { found[$0]! }
    let longest = longestRow()
    let hits = ResultSlots<[GlobalNeighbor]?>(repeating: nil, count: queries.count)
    parallel.run(queries.count) { q in
      let mine = (0..<parts.count).map { lists[q / tile * parts.count + $0][q % tile] }
      hits[q] =
        rescored(q, mine, longestRow: longest)
        ?? ExactSearch.scan(
          [queries[q]], encoder: encoder, segments: segments, parts: parts, k: k, parallel: .serial)[0]
    }
    return (0..<queries.count).map { hits[$0]! }
  }

  // MARK: Tiles

  /// For each query of a group its `k + spare` best rows of a part by tile scores.
  private func candidates(of range: Range<Int>, in part: ExactSearch.Part) -> [TopK] {
    let segment = segments[part.segment]
    var best = range.map { _ in TopK(k + spare) }
    let tileRows = ExactSearch.tileRows
    withUnsafeTemporaryAllocation(
      of: Float.self, capacity: range.count * (dimension + tileRows) + tileRows
    ) { scratch in
      let block = scratch.baseAddress!
      let products = block + range.count * dimension
      let factors = products + range.count * tileRows
      for (i, q) in range.enumerated() {
        (block + i * dimension).update(from: queries[q].floats, count: dimension)
      }
      for first in stride(from: part.first, to: part.first + part.count, by: tileRows) {
        let count = min(tileRows, part.first + part.count - first)
        let rows = (segment.codes.rows + first * segment.codes.rowStride)
          .assumingMemoryBound(to: Float.self)
        BLAS.multiplyTransposed(
          block, rows: range.count, rows, columns: count, depth: dimension,
          bStride: segment.codes.rowStride / 4, into: products, stride: tileRows)
        readFactors(segment.codes, first: first, count: count, into: factors)
        for i in 0..<range.count {
          let scores = products + i * tileRows
          scale(scores, by: factors, count: count)
          best[i].offer(scores: scores, count: count, firstRow: first, live: segment.live)
        }
      }
    }
    return best
  }

  /// Per row what turns its product into a score: 1/‖x‖ for cosine, ‖x‖² for squared Euclidean.
  private func readFactors(
    _ codes: CodeView, first: Int, count: Int, into factors: UnsafeMutablePointer<Float>
  ) {
    guard encoder.metric != .innerProduct, let side = codes.side else { return }
    for i in 0..<count {
      factors[i] = side.load(fromByteOffset: (first + i) * codes.sideStride, as: Float.self)
    }
    guard encoder.metric == .squaredEuclidean else { return }
    for i in 0..<count { factors[i] = factors[i] > 0 ? 1 / (factors[i] * factors[i]) : 0 }
  }

  private func scale(
    _ scores: UnsafeMutablePointer<Float>, by factors: UnsafePointer<Float>, count: Int
  ) {
    switch encoder.metric {
    case .cosine: for i in 0..<count { scores[i] *= factors[i] }
    case .innerProduct: break
    case .squaredEuclidean: for i in 0..<count { scores[i] = 2 * scores[i] - factors[i] }
    }
  }

  // MARK: Candidates

  /// Length of the longest row, from the smallest inverse norm; what the error bounds need.
  private func longestRow() -> Double {
    if encoder.metric == .cosine { return 1 }
    var least = Float.infinity
    for segment in segments {
      guard let side = segment.codes.side else { continue }
      for i in 0..<segment.codes.count {
        let inverse = side.load(fromByteOffset: i * segment.codes.sideStride, as: Float.self)
        if inverse > 0 && inverse < least { least = inverse }
      }
    }
    return least.isFinite ? 1 / Double(least) : 0
  }

  /// The exact hits among the candidates of the parts, or `nil` when a row that was turned away might
  /// belong to them.
  private func rescored(_ q: Int, _ lists: [TopK], longestRow: Double) -> [GlobalNeighbor]? {
    var scores: [Float] = []
    var turnedAway = -Float.infinity
    for list in lists {
      scores.append(contentsOf: list.sorted().prefix(k).map(\.score))
      // Everything turned away scored at most the threshold.
      if list.isFull { turnedAway = max(turnedAway, list.threshold) }
    }
    var bar = -Float.infinity
    if k > 0 && scores.count >= k {
      scores.sort(by: >)
      // Of two rows one may be underrated and the other overrated: twice the bound.
      bar = Float((Double(scores[k - 1]) - 2 * errorBound(q, longestRow: longestRow)).nextDown)
      if !(turnedAway < bar) && turnedAway > -.infinity { return nil }
    } else if turnedAway > -.infinity {
      return nil
    }
    var hits: [GlobalNeighbor] = []
    for (part, list) in zip(parts, lists) {
      let rows = list.sorted().prefix { $0.score >= bar }.map(\.row)
      let segment = segments[part.segment]
      var exact = [Float](repeating: 0, count: rows.count)
      encoder.score(queries[q], segment.codes, indices: rows, count: rows.count, into: &exact)
      for (row, score) in zip(rows, exact) {
        hits.append(GlobalNeighbor(row: segment.firstRow + Int64(row), score: score + 0))
      }
    }
    return Array(hits.sorted().prefix(k))
  }

  /// How far a tile's score and the row kernel's may lie apart: both errors of the sums, and the rounding
  /// of the scores themselves. For squared Euclidean the kernel's error is relative to the distance,
  /// which is at most (‖q‖ + ‖x‖)².
  private func errorBound(_ q: Int, longestRow: Double) -> Double {
    let ulp = 0x1p-24
    let d = Double(dimension) + 8
    let query = VectorNorm.squared(queries[q].floats, dimension).squareRoot()
    switch encoder.metric {
    case .cosine, .innerProduct: return 2 * d * ulp * query * longestRow
    case .squaredEuclidean:
      let span = query + longestRow
      return d * ulp * (2 * query * longestRow + span * span) + 8 * ulp * span * span
    }
  }
}
