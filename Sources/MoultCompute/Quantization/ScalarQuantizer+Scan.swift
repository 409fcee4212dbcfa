internal import MoultModel

/// int8 codes in scans: the level is code − 128, and a query's second limb is looked at only where the first
/// leaves it open, so hits and scores are those of both limbs.
extension ScalarQuantizer: LevelCoded {
  var layout: CodeLayout {
    CodeLayout(
      zones: [CodeLayout.Zone(segments: CodeLayout.segments(dimension), bits: 8)], levels: [[]])
  }

  var needsLevelNorm: Bool { true }

  /// Cosine and inner product: `side·(⟨q, c⟩ + step·⟨q, u − 128⟩)`; squared Euclidean: `−side +
  /// 2·step·⟨q − c, u − 128⟩ − ‖q − c‖²`.
  func scanFactors(
    _ codes: CodeView, first: Int, count: Int, factors: UnsafeMutablePointer<Float>,
    additives: UnsafeMutablePointer<Float>
  ) {
    for i in 0..<count {
      let side = codes.side!.load(fromByteOffset: (first + i) * codes.sideStride, as: Float.self)
      factors[i] = metric == .squaredEuclidean ? 2 : side
      additives[i] = metric == .squaredEuclidean ? -side : 0
    }
  }

  func levelQuery(_ query: UnsafePointer<Float>) -> LevelQuery {
    let padded = CodeLayout.segmentDimension * CodeLayout.segments(dimension)
    return withUnsafeTemporaryAllocation(of: Float.self, capacity: padded) { buffer in
      let values = buffer.baseAddress!
      values.update(repeating: 0, count: padded)
      let isDistance = metric == .squaredEuclidean
      for j in 0..<dimension { values[j] = isDistance ? query[j] - centre.pointer[j] : query[j] }
      var result = LevelQuery(rounding: UnsafeBufferPointer(start: values, count: padded), limbs: 2)
      result.scale *= step
      result.lowScale *= step
      if isDistance {
        result.base = Float(-VectorNorm.squared(values, dimension))
      } else {
        var alongCentre = 0.0
        for j in 0..<dimension { alongCentre += Double(query[j]) * Double(centre.pointer[j]) }
        result.offset = Float(alongCentre)
      }
      return result
    }
  }
}
