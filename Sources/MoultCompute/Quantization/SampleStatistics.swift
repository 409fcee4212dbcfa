internal import MoultModel

/// Mean and range of a sample as the quantizer will see it: transformed, of unit length under cosine.
enum SampleStatistics {
  /// Least and largest value of each dimension.
  static func range(
    of sample: UnsafePointer<Float>, count: Int, dimension: Int, transform: VectorTransform, metric: Metric
  ) throws(MoultError) -> (least: [Float], most: [Float]) {
    guard count > 0 else {
      throw MoultError(
        .invalidArgument, "int8 codes need vectors to learn their range from; insert some first")
    }
    let kept = transform.outputDimension(from: dimension)
    var least = [Float](repeating: .infinity, count: kept)
    var most = [Float](repeating: -.infinity, count: kept)
    var isFinite = true
    least.withUnsafeMutableBufferPointer { least in
      most.withUnsafeMutableBufferPointer { most in
        forEach(of: sample, count: count, dimension: dimension, transform: transform, metric: metric) {
          vector in
          for j in 0..<vector.count {
            least[j] = min(least[j], vector[j])
            most[j] = max(most[j], vector[j])
            if !vector[j].isFinite { isFinite = false }
          }
        }
      }
    }
    guard isFinite && (most.max()! - least.min()!).isFinite else {
      throw MoultError(
        .invalidVector, "the sample holds numbers that are not finite or too large for int8 codes")
    }
    return (least, most)
  }

  static func mean(
    of sample: UnsafePointer<Float>, count: Int, dimension: Int, transform: VectorTransform, metric: Metric
  ) -> [Float] {
    var sum = [Double](repeating: 0, count: transform.outputDimension(from: dimension))
    sum.withUnsafeMutableBufferPointer { sum in
      forEach(of: sample, count: count, dimension: dimension, transform: transform, metric: metric) {
        vector in
        for j in 0..<vector.count { sum[j] += Double(vector[j]) }
      }
    }
    return sum.map { count > 0 && $0.isFinite ? Float($0 / Double(count)) : 0 }
  }

  /// The mean as a quantizer's centre, of vectors that are mapped already; 0 without vectors.
  static func centre(of mapped: UnsafePointer<Float>, count: Int, dimension: Int) -> FloatBuffer {
    var sum = [Double](repeating: 0, count: dimension)
    for i in 0..<count {
      for j in 0..<dimension { sum[j] += Double(mapped[i * dimension + j]) }
    }
    return FloatBuffer(sum.map { count > 0 && $0.isFinite ? Float($0 / Double(count)) : 0 })
  }

  /// The whole sample as the quantizer will see it.
  static func mapped(
    _ sample: UnsafePointer<Float>, count: Int, dimension: Int, transform: VectorTransform, metric: Metric
  ) -> [Float] {
    var all: [Float] = []
    all.reserveCapacity(count * transform.outputDimension(from: dimension))
    forEach(of: sample, count: count, dimension: dimension, transform: transform, metric: metric) {
      all.append(contentsOf: $0)
    }
    return all
  }

  static func forEach(
    of sample: UnsafePointer<Float>, count: Int, dimension: Int, transform: VectorTransform,
    metric: Metric, _ body: (UnsafeBufferPointer<Float>) -> Void
  ) {
    let kept = transform.outputDimension(from: dimension)
    withUnsafeTemporaryAllocation(of: Float.self, capacity: 64 * max(kept, 1)) { buffer in
      let mapped = buffer.baseAddress!
      var done = 0
      while done < count {
        let rows = min(64, count - done)
        let source = sample + done * dimension
        if case .linear(let map) = transform {
          map.apply(source, count: rows, into: mapped)
        } else {
          for i in 0..<rows { (mapped + i * kept).update(from: source + i * dimension, count: kept) }
        }
        for i in 0..<rows {
          let row = mapped + i * kept
          if metric == .cosine { VectorNorm.normalize(row, kept, into: row) }
          body(UnsafeBufferPointer(start: row, count: kept))
        }
        done += rows
      }
    }
  }
}
