/// What is done to a vector before it is normalized and quantized.
enum VectorTransform: Sendable {
  case none
  /// Matryoshka truncation: the first entries, here, renormalized under cosine by the encoder. Right for
  /// models trained for it; for others `pca` keeps more (QUANTIZATION.md B3.4).
  case prefix(Int)
  case linear(LinearTransform)

  func outputDimension(from dimension: Int) -> Int {
    switch self {
    case .none: dimension
    case .prefix(let kept): kept
    case .linear(let map): map.outputDimension
    }
  }

  /// Maps one vector.
  func applyToOne(_ x: UnsafePointer<Float>, dimension: Int, into y: UnsafeMutablePointer<Float>) {
    switch self {
    case .none: y.update(from: x, count: dimension)
    case .prefix(let kept): y.update(from: x, count: kept)
    case .linear(let map): map.apply(x, count: 1, into: y)
    }
  }
}
