/// What training an encoder found out.
public struct EncoderReport: Codable, Sendable, Equatable {
  /// Vectors it was trained on.
  public var sampleCount: Int
  /// Shrinkage of the covariance behind a learned transform, 0 … 1; 0 when the sample was large enough.
  public var shrinkage: Double?
  /// Part of the variance that a learned transform keeps, 0 … 1.
  public var explainedVariance: Double?
  /// Bits a dimension that codes of learned directions save against a random rotation, as their variances
  /// predict: ½·log2 of arithmetic over geometric mean.
  public var predictedGain: Double?
  /// Range around the collection's centre that int8 codes cover; values outside are clamped.
  public var rangeLower: Float?
  public var rangeUpper: Float?

  /// The predicted gain in words, rounded; `nil` where no code of learned directions was trained.
  package var gainSummary: String? {
    predictedGain.map { "learned directions save about \((10 * $0).rounded() / 10) bits a dimension" }
  }

  public init(
    sampleCount: Int, shrinkage: Double? = nil, explainedVariance: Double? = nil,
    predictedGain: Double? = nil, rangeLower: Float? = nil, rangeUpper: Float? = nil
  ) {
    self.sampleCount = sampleCount
    self.shrinkage = shrinkage
    self.explainedVariance = explainedVariance
    self.predictedGain = predictedGain
    self.rangeLower = rangeLower
    self.rangeUpper = rangeUpper
  }
}
