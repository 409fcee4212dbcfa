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
    try train(
      specification, dimension: dimension, metric: metric, sample: sample, sampleCount: sampleCount,
      seed: seed,
      workspace: nil)
  }

  /// The same encoder, for half the memory where training needs the sample as the quantizer will see it: that
  /// takes the place of the sample.
  ///
  /// - Parameter sample: `sampleCount × dimension`, finite; undefined afterwards.
  public static func train(
    specification: EncodingSpecification, dimension: Int, metric: Metric,
    overwriting sample: UnsafeMutablePointer<Float>, sampleCount: Int, seed: UInt64
  ) throws(MoultError) -> VectorEncoder {
    try train(
      specification, dimension: dimension, metric: metric, sample: sample, sampleCount: sampleCount,
      seed: seed,
      workspace: sample)
  }

  /// - Parameter workspace: room for the mapped sample: `nil`, or the sample itself.
  private static func train(
    _ specification: EncodingSpecification, dimension: Int, metric: Metric, sample: UnsafePointer<Float>,
    sampleCount: Int, seed: UInt64, workspace: UnsafeMutablePointer<Float>?
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
    var random = SplitMix64(seed: seed)
    let quantizer: any Quantizer
    switch specification.quantization {
    case .none:
      quantizer = FloatQuantizer(
        dimension: kept, metric: metric, storesInverseNorm: specification.isIdentity)
    case .lloyd1, .lloyd2, .lloyd3, .lloyd4, .lloyd5, .rabitq1, .rabitq2, .rabitq3, .rabitq4:
      let mapped = MappedSample(
        sample, count: sampleCount, dimension: dimension, transform: transform, metric: metric, in: workspace)
      defer { withExtendedLifetime(mapped) {} }
      quantizer = LevelQuantizer.random(
        table: specification.quantization.isRaBitQ ? .grid : .lloyd,
        bits: Int(specification.bitsPerDimension),
        dimension: kept, metric: metric, sample: mapped.vectors, count: sampleCount, seed: random.next())
    case .segmented:
      let mapped = MappedSample(
        sample, count: sampleCount, dimension: dimension, transform: transform, metric: metric, in: workspace)
      defer { withExtendedLifetime(mapped) {} }
      let (segmented, components) = try LevelQuantizer.segmented(
        bits: specification.bitsPerDimension, dimension: kept, metric: metric, sample: mapped.vectors,
        count: sampleCount, seed: random.next())
      report.shrinkage = max(report.shrinkage ?? 0, components.shrinkage)
      report.predictedGain = components.predictedGainBits
      quantizer = segmented
    case .int8:
      let range = try SampleStatistics.range(
        of: sample, count: sampleCount, dimension: dimension, transform: transform, metric: metric)
      let scalar: ScalarQuantizer
      if let quantile = specification.quantile, quantile < 1 {
        let mapped = SampleStatistics.mapped(
          sample, count: sampleCount, dimension: dimension, transform: transform, metric: metric)
        scalar = ScalarQuantizer(
          dimension: kept, metric: metric, quantile: quantile, sample: mapped, count: sampleCount)
      } else {
        scalar = ScalarQuantizer(
          dimension: kept, metric: metric, count: sampleCount, least: range.least, most: range.most)
      }
      report.rangeLower = scalar.lower
      report.rangeUpper = scalar.lower + 255 * scalar.step
      quantizer = scalar
    case .binary:
      let centre = SampleStatistics.mean(
        of: sample, count: sampleCount, dimension: dimension, transform: transform, metric: metric)
      quantizer = BinaryQuantizer(
        dimension: kept, metric: metric, centre: FloatBuffer(centre), seed: random.next())
    case .float16, .bfloat16:
      quantizer = HalfQuantizer(
        dimension: kept, metric: metric,
        format: specification.quantization == .float16 ? .float16 : .bfloat16)
    case .int4:
      let mapped = SampleStatistics.mapped(
        sample, count: sampleCount, dimension: dimension, transform: transform, metric: metric)
      quantizer = try Int4Quantizer.trained(
        dimension: kept, metric: metric, sample: mapped, count: sampleCount)
    case .qdrantInt8:
      let mapped = SampleStatistics.mapped(
        sample, count: sampleCount, dimension: dimension, transform: transform, metric: metric)
      quantizer = try QdrantScalarQuantizer.trained(
        dimension: kept, metric: metric, sample: mapped, count: sampleCount)
    case .qdrantBinary:
      let mapped = SampleStatistics.mapped(
        sample, count: sampleCount, dimension: dimension, transform: transform, metric: metric)
      quantizer = QdrantBinaryQuantizer.trained(
        dimension: kept, metric: metric, sample: mapped, count: sampleCount)
    case .osq1, .osq4:
      let mapped = SampleStatistics.mapped(
        sample, count: sampleCount, dimension: dimension, transform: transform, metric: metric)
      quantizer = OptimizedScalarQuantizer.trained(
        dimension: kept, metric: metric, bits: Int(specification.bitsPerDimension), sample: mapped,
        count: sampleCount)
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
    if let bits = specification.bits {
      guard specification.quantization == .segmented else {
        throw MoultError(
          .invalidArgument,
          "bits are for segmented codes, not for \(specification.quantization.rawValue); leave them out")
      }
      guard bits >= 0.25 && bits <= 8 else {
        throw MoultError(.invalidArgument, "bits must be 0.25 to 8 a dimension, got \(bits)")
      }
    }
    if let quantile = specification.quantile {
      guard specification.quantization == .int8 else {
        throw MoultError(
          .invalidArgument,
          "a quantile is for int8 codes, not for \(specification.quantization.rawValue); leave it out")
      }
      guard quantile >= 0.5 && quantile <= 1 else {
        throw MoultError(.invalidArgument, "quantile must be 0.5 to 1, got \(quantile)")
      }
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

  fileprivate static func forEach(
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

/// The whole sample as the quantizer will see it, in memory of its own or in the sample's place.
private final class MappedSample {
  /// `count ×` what the transform leaves of `dimension`.
  let vectors: UnsafeMutablePointer<Float>
  private let isOwn: Bool

  /// - Parameter workspace: `nil`, or `sample`, which is overwritten: a row is never longer than before, and 64
  ///   at a time have been read before they are written.
  init(
    _ sample: UnsafePointer<Float>, count: Int, dimension: Int, transform: VectorTransform, metric: Metric,
    in workspace: UnsafeMutablePointer<Float>?
  ) {
    precondition(workspace == nil || UnsafePointer(workspace) == sample)
    let kept = transform.outputDimension(from: dimension)
    precondition(kept <= dimension)
    vectors = workspace ?? .allocate(capacity: max(1, count * kept))
    isOwn = workspace == nil
    var next = vectors
    SampleStatistics.forEach(
      of: sample, count: count, dimension: dimension, transform: transform, metric: metric
    ) { vector in
      next.update(from: vector.baseAddress!, count: kept)
      next += kept
    }
  }

  deinit {
    if isOwn { vectors.deallocate() }
  }
}

extension Quantization {
  fileprivate var isRaBitQ: Bool {
    switch self {
    case .rabitq1, .rabitq2, .rabitq3, .rabitq4: true
    default: false
    }
  }
}
