internal import MoultModel

/// Binary codes in scans: levels ±1, the query as signed bytes.
extension BinaryQuantizer: LevelCoded {
  var layout: CodeLayout {
    CodeLayout(
      zones: [CodeLayout.Zone(segments: paddedDimension / CodeLayout.segmentDimension, bits: 1)],
      levels: [[-1, 1]])
  }

  func scanFactors(
    _ codes: CodeView, first: Int, count: Int, factors: UnsafeMutablePointer<Float>,
    additives: UnsafeMutablePointer<Float>
  ) {
    let isDistance = metric == .squaredEuclidean
    for i in 0..<count {
      let own = BinaryFactors(at: codes.side! + (first + i) * codes.sideStride)
      factors[i] = isDistance ? 2 * own.scale : own.scale
      additives[i] = isDistance ? -own.additive : own.additive
    }
  }

  func levelQuery(_ query: UnsafePointer<Float>) -> LevelQuery {
    let padded = paddedDimension
    let kernels = KernelTable.best
    return withUnsafeTemporaryAllocation(byteCount: 4 * padded, alignment: 64) { scratch in
      let w = scratch.baseAddress!.bindMemory(to: Float.self, capacity: padded)
      for j in 0..<dimension { w[j] = query[j] - centre.pointer[j] }
      for j in dimension..<padded { w[j] = 0 }
      rotation.apply(w)
      var result = LevelQuery(rounding: UnsafeBufferPointer(start: w, count: padded))
      result.base =
        metric == .squaredEuclidean
        ? Float(-VectorNorm.squared(w, padded)) : kernels.dot(query, centre.pointer, dimension)
      return result
    }
  }
}
