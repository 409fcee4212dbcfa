/// An affine map `y = A·x + b` of float32 vectors.
public struct LinearTransform: Sendable {
  public let inputDimension: Int
  public let outputDimension: Int
  /// Whether the rows of A are orthonormal, so that lengths and inner products within their span are kept.
  public let isOrthonormal: Bool
  let matrix: FloatBuffer
  let bias: FloatBuffer?

  /// - Parameters:
  ///   - matrix: A, `outputDimension × inputDimension`, row-major.
  ///   - bias: b, `outputDimension` entries; absent means zero.
  public init(
    matrix: [Float], bias: [Float]? = nil, inputDimension: Int, outputDimension: Int, isOrthonormal: Bool
  ) {
    self.init(
      matrix: FloatBuffer(matrix), bias: bias.map(FloatBuffer.init), inputDimension: inputDimension,
      outputDimension: outputDimension, isOrthonormal: isOrthonormal)
  }

  init(
    matrix: FloatBuffer, bias: FloatBuffer?, inputDimension: Int, outputDimension: Int, isOrthonormal: Bool
  ) {
    precondition(inputDimension > 0 && outputDimension > 0)
    precondition(matrix.count == inputDimension * outputDimension)
    precondition(bias == nil || bias?.count == outputDimension)
    self.matrix = matrix
    self.bias = bias
    self.inputDimension = inputDimension
    self.outputDimension = outputDimension
    self.isOrthonormal = isOrthonormal
  }

  /// Vectors that go through one `sgemm`. Always this many (a short block is filled up with zeros), so that
  /// a vector's result is the same bits whatever stands beside it. Input block ≤ 512 KiB.
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
    BLAS.multiplyTransposed(
      x, rows: block, matrix.pointer, columns: outputDimension, depth: inputDimension,
      bStride: inputDimension, into: y, stride: outputDimension)
    guard let bias else { return }
    for i in 0..<block {
      let row = y + i * outputDimension
      for j in 0..<outputDimension { row[j] += bias.pointer[j] }
    }
  }

  /// Maps one vector by the row kernel, which for a single vector is faster than `apply`; the last bits
  /// may differ from it.
  public func applyToOne(_ x: UnsafePointer<Float>, into y: UnsafeMutablePointer<Float>) {
    KernelTable.best.dotRows(
      x, matrix.pointer, 4 * inputDimension, nil, outputDimension, inputDimension, y)
    guard let bias else { return }
    for j in 0..<outputDimension { y[j] += bias.pointer[j] }
  }
}
