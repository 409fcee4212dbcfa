/// How long vectors may be, as Σ v².
public enum VectorLength {
  /// At most this, whatever the metric: a quarter of the largest float32, so that no inner product and no
  /// squared distance of two vectors overflows.
  public static let squaredMax = Double(Float.greatestFiniteMagnitude) / 4
  /// At least this under cosine: below, the direction is lost to rounding.
  public static let squaredMin = Double(Float.leastNormalMagnitude)
}
