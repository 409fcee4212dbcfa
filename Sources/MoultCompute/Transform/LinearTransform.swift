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
  /// The matrix once more, 16 outputs side by side: as much memory again.
  private let blocks: FloatBuffer

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
    blocks = Self.inBlocks(matrix, inputs: inputDimension, outputs: outputDimension)
    self.inputDimension = inputDimension
    self.outputDimension = outputDimension
    self.isOrthonormal = isOrthonormal
    self.normalizesInput = normalizesInput
    self.direction = direction
  }

  /// The matrix as `map_rows_f32` reads it.
  private static func inBlocks(_ matrix: FloatBuffer, inputs: Int, outputs: Int) -> FloatBuffer {
    let lanes = 16
    return FloatBuffer(count: (outputs + lanes - 1) / lanes * lanes * inputs) { blocks in
      for first in stride(from: 0, to: outputs, by: lanes) {
        let block = UnsafeMutableRawPointer(blocks + first * inputs).assumingMemoryBound(to: UInt8.self)
        KernelTable.best.interleaveBlock(
          matrix.pointer + first * inputs, 4 * inputs, min(lanes, outputs - first), 4 * inputs, inputs, block)
      }
    }
  }

  /// Vectors that are best mapped together: a multiple of the rows that kernels take at once, where a block of them has
  /// at most 512 KiB.
  var blockCount: Int {
    var count = 96
    while count > 1 && count * max(inputDimension, outputDimension) > 131_072 { count /= 2 }
    return count
  }

  /// Maps `count` vectors. A vector's result is the same bits in whatever batch, on every machine and on a device: an entry
  /// of A·x is one chain of fused multiply-adds, off by no more than d·2⁻²⁴·(1 + d·2⁻²⁴)·Σ|A[i][j]·x[j]|, d =
  /// `inputDimension` (`map_rows_f32` in kernels.h).
  ///
  /// - Parameters:
  ///   - x: `count × inputDimension`.
  ///   - y: `count × outputDimension`; does not overlap `x`.
  public func apply(_ x: UnsafePointer<Float>, count: Int, into y: UnsafeMutablePointer<Float>) {
    multiply(x, count: count, into: y)
    guard normalizesInput || bias != nil else { return }
    for i in 0..<count { finish(x + i * inputDimension, y + i * outputDimension) }
  }

  /// `y = A·x`.
  private func multiply(_ x: UnsafePointer<Float>, count: Int, into y: UnsafeMutablePointer<Float>) {
    KernelTable.best.mapRows(
      blocks.pointer, inputDimension, outputDimension, x, 4 * inputDimension, count, y)
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
      multiply(unit, count: 1, into: y)
    }
  }
}
