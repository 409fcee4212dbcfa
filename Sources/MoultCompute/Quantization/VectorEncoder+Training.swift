public import MoultModel

extension VectorEncoder {
  /// The encoder that keeps vectors as they are, with their inverse norms.
  public static func identity(dimension: Int, metric: Metric) -> VectorEncoder {
    precondition(dimension > 0)
    return VectorEncoder(
      specification: EncodingSpecification(), dimension: dimension, metric: metric,
      report: EncoderReport(sampleCount: 0), transform: .none,
      quantizer: FloatQuantizer(dimension: dimension, metric: metric, storesInverseNorm: true))
  }

  /// Learns what `specification` needs from a sample of the collection.
  ///
  /// The identity, a prefix of floats and binary codes also work without a sample; int8 needs its range and
  /// `pca` its directions. For `pca` 4·`dimension` vectors are wanted; with fewer the covariance is shrunk
  /// and the report says so.
  ///
  /// - Parameters:
  ///   - sample: `sampleCount × dimension`, finite; taken evenly from the whole collection.
  ///   - seed: of the random rotation; stored with the encoder.
  /// - Throws: `invalidArgument` for dimensions out of range, dimensions without a transform or a missing
  ///   sample, `invalidVector` for a sample that is not finite, `unsupported` for `pca` of too many
  ///   dimensions.
  public static func train(
    specification: EncodingSpecification, dimension: Int, metric: Metric, sample: UnsafePointer<Float>,
    sampleCount: Int, seed: UInt64
  ) throws(MoultError) -> VectorEncoder {
    precondition(sampleCount >= 0)
    try validate(specification, dimension: dimension)
    var report = EncoderReport(sampleCount: sampleCount)
    let kept = specification.dimensions ?? dimension
    let transform: VectorTransform
    switch specification.transform {
    case .none: transform = .none
    case .prefix: transform = .prefix(kept)
    case .pca:
      let components = try PrincipalComponents.fit(
        sample: sample, count: sampleCount, dimension: dimension, keeping: kept, metric: metric)
      report.shrinkage = components.shrinkage
      report.explainedVariance = components.explainedVariance
      transform = .linear(components.transform)
    }
    let quantizer: any Quantizer
    switch specification.quantization {
    case .none:
      quantizer = FloatQuantizer(
        dimension: kept, metric: metric, storesInverseNorm: specification.isIdentity)
    case .int8:
      let range = try SampleStatistics.range(
        of: sample, count: sampleCount, dimension: dimension, transform: transform, metric: metric)
      let scalar = ScalarQuantizer(
        dimension: kept, metric: metric, count: sampleCount, least: range.least, most: range.most)
      report.rangeLower = scalar.lower
      report.rangeUpper = scalar.lower + 255 * scalar.step
      quantizer = scalar
    case .binary:
      let centre = SampleStatistics.mean(
        of: sample, count: sampleCount, dimension: dimension, transform: transform, metric: metric)
      var random = SplitMix64(seed: seed)
      quantizer = BinaryQuantizer(
        dimension: kept, metric: metric, centre: FloatBuffer(centre), seed: random.next())
    }
    return VectorEncoder(
      specification: specification, dimension: dimension, metric: metric, report: report,
      transform: transform, quantizer: quantizer)
  }

  private static func validate(
    _ specification: EncodingSpecification, dimension: Int
  ) throws(MoultError) {
    guard CollectionSchema.dimensionRange.contains(dimension) else {
      throw MoultError(
        .invalidArgument, "dimension must be 1 to 32768, got \(dimension)")
    }
    guard let kept = specification.dimensions else { return }
    guard kept >= 1 && kept <= dimension else {
      throw MoultError(
        .invalidArgument, "dimensions must be 1 to the collection's \(dimension), got \(kept)")
    }
    guard kept == dimension || specification.transform != .none else {
      throw MoultError(
        .invalidArgument,
        "keeping \(kept) of \(dimension) dimensions needs a transform, 'prefix' or 'pca'; got 'none'")
    }
  }
}

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

  private static func forEach(
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
