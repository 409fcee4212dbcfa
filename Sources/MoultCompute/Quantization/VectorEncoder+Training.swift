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
  /// Floats of all widths and `binary`, `lloyd`, `rabitq`, `osq` and `qdrant-binary` codes also work without
  /// a sample, around the origin and with standard errors that nothing was fitted to; `int8`, `int4` and
  /// `qdrant-int8` need their range, `segmented` and `pca` their directions. For directions 4·`dimension`
  /// vectors are wanted; with fewer the covariance is shrunk and the report says so.
  ///
  /// - Parameters:
  ///   - sample: `sampleCount × dimension`, finite; taken evenly from the whole collection.
  ///   - seed: of the random rotation; stored with the encoder.
  /// - Throws: `invalidArgument` for dimensions, `bits` or `quantile` out of range or without the transform
  ///   or code that they are for, or a missing sample, `invalidVector` for a sample that is not finite,
  ///   `unsupported` for `pca` or `segmented` of too many dimensions.
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

  /// Refuses what `train` could not make from any sample, so that nobody waits for it.
  ///
  /// - Parameter dimension: of the vectors.
  /// - Throws: `invalidArgument` for numbers out of range or that do not go together, `unsupported` for directions
  ///   that would have to be learned in too many dimensions.
  package static func validate(
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
    let kept = specification.dimensions ?? dimension
    guard kept >= 1 && kept <= dimension else {
      throw MoultError(
        .invalidArgument, "dimensions must be 1 to the collection's \(dimension), got \(kept)")
    }
    guard kept == dimension || specification.transform != .none else {
      throw MoultError(
        .invalidArgument,
        "keeping \(kept) of \(dimension) dimensions needs a transform, 'prefix' or 'pca'; got 'none'")
    }
    let learnedMax = PrincipalComponents.dimensionMax
    guard specification.transform != .pca || dimension <= learnedMax else {
      throw MoultError(
        .unsupported,
        "the transform pca learns directions of up to \(learnedMax) dimensions, got \(dimension); take prefix"
      )
    }
    guard specification.quantization != .segmented || kept <= learnedMax else {
      throw MoultError(
        .unsupported,
        "segmented codes learn directions of up to \(learnedMax) dimensions, got \(kept); keep fewer with "
          + "transform 'prefix', or use lloyd codes")
    }
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
