/// How vectors of bits are compared; lower is nearer.
public enum BinaryMetric: String, Sendable, CaseIterable {
  /// In how many bits both differ.
  case hamming
  /// `1 − |a ∧ b| / |a ∨ b|`, 0 … 1; 1 for two vectors without a bit, as Milvus has it.
  case jaccard

  /// - Parameters:
  ///   - differing: bits in which both differ.
  ///   - bits: set bits of both together.
  @inline(__always)
  func distance(differing: UInt32, bits: UInt32) -> Float {
    switch self {
    case .hamming: return Float(differing)
    case .jaccard:
      // |a| + |b| + |a ⊕ b| = 2·|a ∨ b|, and |a ∨ b| − |a ∧ b| = |a ⊕ b|.
      let union = (bits + differing) / 2
      return union == 0 ? 1 : Float(differing) / Float(union)
    }
  }
}
