import MoultModel
import MoultTesting
import Testing

@testable import MoultCompute

@Suite("Dense rotation")
struct DenseRotationTests {
  @Test("rows and columns are orthonormal", arguments: [1, 2, 3, 64, 100, 257])
  func isOrthonormal(dimension: Int) throws {
    let rotation = try DenseRotation.make(dimension: dimension, seed: UInt64(dimension))
    #expect(rotation.isOrthonormal && rotation.bias == nil)
    let matrix = rotation.matrix.values
    #expect(identityError(matrix, rows: dimension, columns: dimension) < 1e-5)
    #expect(
      identityError(
        transposed(matrix, rows: dimension, columns: dimension), rows: dimension, columns: dimension) < 1e-5)
  }

  @Test("the same seed gives the same rotation, another seed another")
  func isSeeded() throws {
    let first = try DenseRotation.make(dimension: 40, seed: 1).matrix.values
    #expect(try DenseRotation.make(dimension: 40, seed: 1).matrix.values == first)
    #expect(try DenseRotation.make(dimension: 40, seed: 2).matrix.values != first)
  }

  /// Without R's signs a Householder QR gives Q[0][0] one sign only.
  @Test("is uniform: entries have mean 0 and variance 1/d", arguments: [1, 2, 5])
  func isUniform(dimension: Int) throws {
    let count = 1000
    var sums = [Double](repeating: 0, count: dimension * dimension)
    var squares = sums
    for seed in 0..<count {
      let matrix = try DenseRotation.make(dimension: dimension, seed: UInt64(seed)).matrix.values
      for i in matrix.indices {
        sums[i] += Double(matrix[i])
        squares[i] += Double(matrix[i]) * Double(matrix[i])
      }
    }
    let variance = 1 / Double(dimension)
    for i in sums.indices {
      #expect(abs(sums[i] / Double(count)) < 4.5 * (variance / Double(count)).squareRoot(), "entry \(i)")
      #expect(abs(squares[i] / Double(count) - variance) < 0.15 * variance, "entry \(i)")
    }
  }

  @Test("too many dimensions are refused")
  func refuses() {
    #expect(throws: MoultError.self) { try DenseRotation.make(dimension: 8193, seed: 0) }
  }
}

/// Largest entry of |M·Mᵀ − I|.
func identityError(_ matrix: [Float], rows: Int, columns: Int) -> Double {
  var worst = 0.0
  for i in 0..<rows {
    for j in 0...i {
      let product = Oracle.dot(
        matrix[i * columns..<(i + 1) * columns], matrix[j * columns..<(j + 1) * columns])
      worst = max(worst, abs(product - (i == j ? 1 : 0)))
    }
  }
  return worst
}

func transposed(_ matrix: [Float], rows: Int, columns: Int) -> [Float] {
  (0..<rows * columns).map { matrix[$0 % rows * columns + $0 / rows] }
}
