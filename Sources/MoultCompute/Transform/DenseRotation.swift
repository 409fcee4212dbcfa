internal import Foundation
public import MoultModel

/// A rotation uniform over all rotations and reflections (Haar): Q of the QR decomposition of a Gaussian
/// matrix, each column with the sign of R's diagonal, without which Q would not be uniform (Mezzadri 2007;
/// QUANTIZATION.md B2.1).
///
/// `RandomRotation` does the same job in O(D·log D) and needs no stored matrix; this is the reference for it,
/// and the choice where a dimension must not be padded.
public enum DenseRotation {
  /// - Parameter seed: of the Gaussian numbers (`SplitMix64`, Box and Muller). The matrix goes through
  ///   LAPACK: two machines may differ in its last bits, so it is stored, not made again from the seed.
  /// - Throws: `unsupported` above `PrincipalComponents.dimensionMax`.
  /// - Complexity: O(dimension³) time.
  public static func make(dimension: Int, seed: UInt64) throws(MoultError) -> LinearTransform {
    precondition(dimension > 0)
    guard dimension <= PrincipalComponents.dimensionMax else {
      throw MoultError(
        .unsupported,
        "a dense rotation works up to \(PrincipalComponents.dimensionMax) dimensions, got \(dimension)")
    }
    var random = SplitMix64(seed: seed)
    var matrix = gaussian(count: dimension * dimension, &random)
    let diagonal = try BLAS.orthogonalize(&matrix, dimension: dimension)
    for i in 0..<dimension {
      for j in 0..<dimension where diagonal[j] < 0 { matrix[i * dimension + j].negate() }
    }
    return LinearTransform(
      matrix: matrix, inputDimension: dimension, outputDimension: dimension, isOrthonormal: true)
  }

  /// Independent standard normal numbers, in pairs.
  static func gaussian(count: Int, _ random: inout SplitMix64) -> [Float] {
    var values = [Float](repeating: 0, count: count)
    for i in stride(from: 0, to: count, by: 2) {
      let radius = (-2 * log(1 - unit(&random))).squareRoot()  // 1 − unit is never 0
      let angle = 2 * Double.pi * unit(&random)
      values[i] = Float(radius * cos(angle))
      if i + 1 < count { values[i + 1] = Float(radius * sin(angle)) }
    }
    return values
  }

  /// Uniform in 0 ..< 1, on the grid of 2⁻⁵³.
  private static func unit(_ random: inout SplitMix64) -> Double {
    Double(random.next() >> 11) * 0x1p-53
  }
}
