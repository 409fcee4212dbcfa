/// A part of a collection as exact search sees it.
public struct ExactSegment: Sendable {
  /// Rows of the identity encoder: float32, with the inverse norm as side data.
  public var codes: CodeView
  public var live: LiveRows
  /// The number that row 0 has in results; row `i` is `firstRow + i`.
  public var firstRow: Int64

  public init(codes: CodeView, live: LiveRows = .all, firstRow: Int64 = 0) {
    self.codes = codes
    self.live = live
    self.firstRow = firstRow
  }
}

extension ExactSegment {
  func row(_ index: Int) -> UnsafeRawPointer { codes.rows + index * codes.rowStride }

  /// 1/‖x‖ as the encoder stored it: the nearest float, at most the largest; 0 for the zero vector.
  func inverseNorm(_ index: Int) -> Float {
    codes.side!.load(fromByteOffset: index * codes.sideStride, as: Float.self)
  }

  /// Whether an inverse norm is right to 2⁻²⁴ of itself: 0, or a normal number that was not cut off.
  static func isTrusted(_ inverse: Float) -> Bool {
    inverse == 0 || (inverse.isNormal && inverse < .greatestFiniteMagnitude)
  }
}
