/// How a map between two models' spaces is fitted (QUANTIZATION.md B3.5).
public enum ModelMappingMethod: String, Sendable, Codable, CaseIterable {
  /// Least squares with regularization towards zero.
  case ridge
  /// The best map that keeps all lengths: it cannot collapse neighbourhoods, and needs few pairs.
  case procrustes
  /// The same with one factor for all lengths.
  case scaledProcrustes = "scaled-procrustes"
  /// Least squares regularized towards Procrustes (scaled where lengths count, that is, not under cosine):
  /// few pairs give that, many give ridge.
  case ridgeTowardProcrustes = "ridge-toward-procrustes"
  /// Ridge of reduced rank: only the directions of the new space that the old one predicts best.
  case lowRank = "low-rank"

  public static let `default` = ModelMappingMethod.ridgeTowardProcrustes
}
