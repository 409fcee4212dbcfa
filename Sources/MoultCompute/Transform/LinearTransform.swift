/// An affine map `y = A·x + b` of float32 vectors, or `y = A·x/‖x‖ + b` where the map is one of directions.
public struct LinearTransform: Sendable {
  public let inputDimension: Int
  public let outputDimension: Int
  /// Whether the rows of A are orthonormal, so that lengths and inner products within their span are kept;
  /// where there are more rows than columns, whether the columns are, so that all of them are kept.
  public let isOrthonormal: Bool
  /// Whether A is applied to `x/‖x‖` (a zero vector stays zero): fitted under cosine, where a vector's length
  /// means nothing, but would be weighed against b.
  public let normalizesInput: Bool
  /// Whose vectors it maps, from which space into which; see `require`.
  public let direction: TransformDirection
  let matrix: FloatBuffer
  let bias: FloatBuffer?

  /// - Parameters:
  ///   - matrix: A, `outputDimension × inputDimension`, row-major.
  ///   - bias: b, `outputDimension` entries; absent means zero.
  public init(
    matrix: [Float], bias: [Float]? = nil, inputDimension: Int, outputDimension: Int, isOrthonormal: Bool,
    normalizesInput: Bool = false, direction: TransformDirection = .encoding
  ) {
    self.init(
      matrix: FloatBuffer(matrix), bias: bias.map(FloatBuffer.init), inputDimension: inputDimension,
      outputDimension: outputDimension, isOrthonormal: isOrthonormal,
      normalizesInput: normalizesInput, direction: direction)
  }

  init(
    matrix: FloatBuffer, bias: FloatBuffer?, inputDimension: Int, outputDimension: Int, isOrthonormal: Bool,
    normalizesInput: Bool = false, direction: TransformDirection = .encoding
  ) {
    precondition(inputDimension > 0 && outputDimension > 0)
    precondition(matrix.count == inputDimension * outputDimension)
    precondition(bias == nil || bias?.count == outputDimension)
    self.matrix = matrix
    self.bias = bias
    self.inputDimension = inputDimension
    self.outputDimension = outputDimension
    self.isOrthonormal = isOrthonormal
    self.normalizesInput = normalizesInput
    self.direction = direction
  }

  /// Vectors that are mapped together. Always this many (a short block is filled up with zeros), and products of rows that
  /// are alike, so that a vector's result is the same bits whatever stands beside it. Input block ≤ 512 KiB.
  var blockCount: Int {
    var count = 64
    while count > 1 && count * max(inputDimension, outputDimension) > 131_072 { count /= 2 }
    return count
  }

  /// Maps `count` vectors by `sgemm`. Same bits for a vector in whatever batch; another BLAS kernel may
  /// differ by inputDimension · 2⁻²⁴ · Σ|A[i][j]·x[j]| in entry i.
  ///
  /// - Parameters:
  ///   - x: `count × inputDimension`.
  ///   - y: `count × outputDimension`; does not overlap `x`.
  public func apply(_ x: UnsafePointer<Float>, count: Int, into y: UnsafeMutablePointer<Float>) {
    let block = blockCount
    var done = 0
    while done + block <= count {
      applyBlock(x + done * inputDimension, into: y + done * outputDimension)
      done += block
    }
    guard done < count else { return }
    let left = count - done
    withUnsafeTemporaryAllocation(of: Float.self, capacity: block * (inputDimension + outputDimension)) {
      let padded = $0.baseAddress!
      let mapped = padded + block * inputDimension
      padded.update(from: x + done * inputDimension, count: left * inputDimension)
      (padded + left * inputDimension).update(repeating: 0, count: (block - left) * inputDimension)
      applyBlock(padded, into: mapped)
      (y + done * outputDimension).update(from: mapped, count: left * outputDimension)
    }
  }

  private func applyBlock(_ x: UnsafePointer<Float>, into y: UnsafeMutablePointer<Float>) {
    let block = blockCount
    let rows = min(block, BLAS.rowsAlike)
    for first in stride(from: 0, to: block, by: rows) {
      BLAS.multiplyTransposed(
        x + first * inputDimension, rows: rows, matrix.pointer, columns: outputDimension,
        depth: inputDimension,
        bStride: inputDimension, into: y + first * outputDimension, stride: outputDimension)
    }
    for i in 0..<block { finish(x + i * inputDimension, y + i * outputDimension) }
  }

  /// Maps one vector by the row kernel, which for a single vector is faster than `apply`; the last bits
  /// may differ from it.
  public func applyToOne(_ x: UnsafePointer<Float>, into y: UnsafeMutablePointer<Float>) {
    KernelTable.best.dotRows(
      x, matrix.pointer, 4 * inputDimension, nil, outputDimension, inputDimension, y)
    finish(x, y)
  }

  /// From `y = A·x` to the result: divides by the length of `x` if it must, and adds b.
  private func finish(_ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>) {
    if normalizesInput {
      let squared = VectorNorm.squared(x, inputDimension)
      if squared > 1e-30 && squared < 1e30 {
        let scale = Float(1 / squared.squareRoot())
        for j in 0..<outputDimension { y[j] *= scale }
      } else {
        applyToExtreme(x, into: y)
      }
    }
    guard let bias else { return }
    for j in 0..<outputDimension { y[j] += bias.pointer[j] }
  }

  /// A·x/‖x‖ where A·x may have lost bits or overflowed, which no data from a model does.
  private func applyToExtreme(_ x: UnsafePointer<Float>, into y: UnsafeMutablePointer<Float>) {
    withUnsafeTemporaryAllocation(of: Float.self, capacity: inputDimension) { unit in
      let unit = unit.baseAddress!
      VectorNorm.normalize(x, inputDimension, into: unit)
      KernelTable.best.dotRows(
        unit, matrix.pointer, 4 * inputDimension, nil, outputDimension, inputDimension, y)
    }
  }
}
