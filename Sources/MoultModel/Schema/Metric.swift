/// How nearness of two vectors is measured.
public enum Metric: String, Sendable, Codable, CaseIterable {
  /// Cosine of the angle, −1 … 1; higher is nearer. Vectors are compared after scaling to unit length.
  case cosine
  /// Inner product; higher is nearer.
  case innerProduct = "ip"
  /// Squared Euclidean distance, ≥ 0; lower is nearer.
  case squaredEuclidean = "l2"

  /// Whether a larger score means nearer. Inside Moult every score is "higher is nearer"; squared
  /// Euclidean distances are negated on the way in and out.
  public var higherIsNearer: Bool { self != .squaredEuclidean }
}
