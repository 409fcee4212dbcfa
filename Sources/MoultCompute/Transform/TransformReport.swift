public import MoultModel

/// What fitting a transform found out.
///
/// Recall is measured on vectors that the measured transform was not fitted on. Its corpus is the sample, not
/// the collection. Among more vectors neighbours lie closer, and both recall and what a transform gains are
/// other than in the sample. So the figure compares transforms that were fitted on the same sample, and
/// promises nothing about the collection; the recall gate of a switch measures that.
public struct TransformReport: Codable, Sendable, Equatable {
  /// What was fitted: "pca", "query-aware", "truncation-regression", or the name of a `ModelMappingMethod`.
  public var method: String
  /// Vectors, or pairs, that it was fitted on.
  public var sampleCount: Int
  /// Vectors, or pairs, from which on more of them change little.
  public var sampleCountWanted: Int
  /// Queries that it was fitted on, where it takes queries.
  public var querySampleCount: Int?
  /// Part of the true 10 nearest neighbours that is found with the transform.
  public var heldOutRecall: MeasuredRecall?
  /// The same without it: plain truncation; for "query-aware" principal components of the documents; for a
  /// map between models the unmapped vectors, absent where their dimensions differ.
  public var plainRecall: MeasuredRecall?
  /// Recall with the transform less `plainRecall`, on the same queries.
  public var recallGain: RecallDifference?
  /// Largest by smallest eigenvalue of the matrix that was inverted, regularization included: how much the
  /// fit may magnify errors of its input. 1 where nothing is inverted.
  public var conditionNumber: Double
  /// What the eigenvalues of the mapped sample promise codes whose bits are allotted to its principal
  /// components, over bits spread evenly: ½·log₂(arithmetic / geometric mean), bits per dimension.
  public var predictedGainBits: Double?
  /// Regularization that cross-validation chose, relative to the mean eigenvalue of the sample.
  public var lambda: Double?
  /// Rank of the map, where less than full.
  public var rank: Int?
  /// Part of the fit that comes from an assumption instead of the sample, 0 … 1: how far covariances were
  /// shrunk towards equal variances.
  public var shrinkage: Double

  public init(
    method: String, sampleCount: Int, sampleCountWanted: Int, querySampleCount: Int? = nil,
    heldOutRecall: MeasuredRecall? = nil, plainRecall: MeasuredRecall? = nil,
    recallGain: RecallDifference? = nil, conditionNumber: Double, predictedGainBits: Double? = nil,
    lambda: Double? = nil, rank: Int? = nil, shrinkage: Double = 0
  ) {
    self.method = method
    self.sampleCount = sampleCount
    self.sampleCountWanted = sampleCountWanted
    self.querySampleCount = querySampleCount
    self.heldOutRecall = heldOutRecall
    self.plainRecall = plainRecall
    self.recallGain = recallGain
    self.conditionNumber = conditionNumber
    self.predictedGainBits = predictedGainBits
    self.lambda = lambda
    self.rank = rank
    self.shrinkage = shrinkage
  }
}
