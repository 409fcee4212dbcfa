internal import MoultModel

/// The mean of a collection and the directions in which it varies, learned from codes; what guides are made in.
struct GuideBasis: Sendable {
  let encoder: VectorEncoder
  let centre: FloatBuffer
  /// √ of the mean of ‖x‖²; 1 under cosine.
  let length: Float
  /// Orthonormal rows of the encoder's `codeDimension` entries, by falling variance.
  let directions: FloatBuffer
  /// One for each direction that varies.
  let variances: [Float]

  private static let sampleMax = 8192

  /// - Returns: `nil` where `GraphGuide` says so.
  init?(encoder: VectorEncoder, codes: CodeView) {
    let dimension = encoder.codeDimension
    let sampleCount = min(codes.count, Self.sampleMax)
    guard sampleCount >= max(GraphGuide.rowCountMin, 4 * dimension), dimension <= GraphGuide.dimensionMax
    else {
      return nil
    }
    let sample = FloatBuffer(count: sampleCount * dimension) { sample in
      for i in 0..<sampleCount {
        Self.decode(i * codes.count / sampleCount, of: codes, encoder, into: sample + i * dimension)
      }
    }
    let mean = PrincipalComponents.mean(
      of: sample.pointer, count: sampleCount, dimension: dimension, normalizing: false)
    guard
      let components = try? PrincipalComponents.fit(
        sample: sample.pointer, count: sampleCount, dimension: dimension, keeping: dimension,
        metric: .innerProduct)
    else { return nil }
    // What float32 resolves beside the largest; squares of the rest must be numbers to divide by.
    let floor = max(components.eigenvalues[0] * Float(dimension) * 0x1p-24, 1e-30)
    variances = Array(components.eigenvalues.prefix { $0 > floor && $0 < 1e30 })
    guard !variances.isEmpty else { return nil }
    self.encoder = encoder
    let squared = VectorNorm.squared(sample.pointer, sample.count) / Double(sampleCount)
    length = encoder.metric == .cosine ? 1 : Float(squared.squareRoot())
    centre = FloatBuffer(mean.map(Float.init))
    directions = components.transform.matrix
  }

  /// What a row stands for, of unit length under cosine.
  static func decode(
    _ row: Int, of codes: CodeView, _ encoder: VectorEncoder, into vector: UnsafeMutablePointer<Float>
  ) {
    encoder.quantizer.decode(row: row, of: codes, into: vector)
    if encoder.metric == .cosine { VectorNorm.normalize(vector, encoder.codeDimension, into: vector) }
  }
}
