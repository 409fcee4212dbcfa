internal import MoultModel

/// 16-bit floats: IEEE binary16 (11 significant bits, magnitudes to 65,504) or bfloat16 (8 significant bits,
/// the range of float32). Rounded to nearest, ties to even; what is larger than the largest finite number is
/// clamped to it, so that no code is infinite.
///
/// A row is the entries, little-endian. Side data under cosine and inner product: `‖x‖/‖x̂‖`, f32, which
/// scores are multiplied with. It takes away a third to two thirds of what bfloat16 loses (recall@10 without
/// rescoring on MiniLM, bge, Matryoshka: 0.9975, 0.9897, 0.9983 → 0.9992, 0.9967, 0.9988), makes float16 as
/// good as exact (0.9999, 0.9998, 1 → 1, 1, 1), and keeps the length of clamped vectors. Squared Euclidean
/// has none: near neighbours' errors along the vector cancel there.
struct HalfQuantizer: Quantizer {
  enum Format: Sendable {
    case float16, bfloat16

    var largest: Float { self == .float16 ? 65_504 : 0x1.FEp127 }

    /// Standard error of a rounded number over its magnitude: a unit in the last place over √12, and
    /// E[1/m²] = (3/8)/ln 2 for a mantissa m of 1 … 2 whose logarithm is uniform.
    var relativeError: Float { (self == .float16 ? 0x1p-10 : 0x1p-7) * Float(0.541_01 / 12).squareRoot() }

    /// Standard error where numbers are too small for all their digits.
    var leastError: Float { self == .float16 ? 0x1p-24 / Float(12).squareRoot() : 0 }
  }

  let dimension: Int
  let metric: Metric
  let format: Format

  var rowBytes: Int { 2 * dimension }
  var sideBytes: Int { metric == .squaredEuclidean ? 0 : 4 }

  func encode(
    _ vectors: UnsafePointer<Float>, stride: Int, count: Int, rows: UnsafeMutableRawPointer,
    side: UnsafeMutableRawPointer?
  ) {
    let halves = rows.bindMemory(to: UInt16.self, capacity: count * dimension)
    let narrow =
      format == .float16 ? KernelTable.best.narrowToHalf : KernelTable.best.narrowToBFloat
    let widen = format == .float16 ? KernelTable.best.widenHalf : KernelTable.best.widenBFloat
    let largest = format.largest
    withUnsafeTemporaryAllocation(of: Float.self, capacity: HalfQuantizer.chunk) { buffer in
      let clamped = buffer.baseAddress!
      for i in 0..<count {
        var (exact, stored) = (0.0, 0.0)
        for first in Swift.stride(from: 0, to: dimension, by: HalfQuantizer.chunk) {
          let length = min(HalfQuantizer.chunk, dimension - first)
          let source = vectors + i * stride + first
          for j in 0..<length { clamped[j] = max(-largest, min(largest, source[j])) }
          narrow(clamped, halves + i * dimension + first, length)
          guard sideBytes > 0 else { continue }
          exact += KernelTable.best.sumOfSquares(source, length)
          widen(halves + i * dimension + first, clamped, length)
          stored += KernelTable.best.sumOfSquares(clamped, length)
        }
        guard sideBytes > 0, let side else { continue }
        // At most 3.4e38·√32 768/65 504; 0 where all entries are too small for the format.
        let factor = stored > 0 ? Float((exact / stored).squareRoot()) : 0
        side.storeBytes(of: factor, toByteOffset: 4 * i, as: Float.self)
      }
    }
  }

  private static let chunk = 512

  func decode(row: Int, of codes: CodeView, into vector: UnsafeMutablePointer<Float>) {
    let halves = (codes.rows + row * codes.rowStride).assumingMemoryBound(to: UInt16.self)
    if format == .float16 {
      KernelTable.best.widenHalf(halves, vector, dimension)
    } else {
      KernelTable.best.widenBFloat(halves, vector, dimension)
    }
    guard metric != .squaredEuclidean else { return }
    let factor = factor(row, of: codes)
    for j in 0..<dimension { vector[j] *= factor }
  }

  @inline(__always)
  private func factor(_ row: Int, of codes: CodeView) -> Float {
    codes.side!.load(fromByteOffset: row * codes.sideStride, as: Float.self)
  }

  func prepare(_ query: UnsafePointer<Float>, into target: PreparedQuery) {
    target.set(floatCount: dimension) { floats, _ in
      floats.update(from: query, count: dimension)
      return (0, 0, 0, 0)
    }
  }

  func prepare(row: Int, of codes: CodeView) -> PreparedQuery { prepareDecoded(row: row, of: codes) }

  func score(
    _ query: PreparedQuery, _ codes: CodeView, first: Int, indices: UnsafePointer<UInt32>?, count: Int,
    into scores: UnsafeMutablePointer<Float>
  ) {
    let kernels = KernelTable.best
    let isDistance = metric == .squaredEuclidean
    let kernel =
      switch format {
      case .float16: isDistance ? kernels.squaredL2HalfRows : kernels.dotHalfRows
      case .bfloat16: isDistance ? kernels.squaredL2BFloatRows : kernels.dotBFloatRows
      }
    kernel(
      query.floats, codes.rows + first * codes.rowStride, codes.rowStride, indices, count, dimension, scores)
    if isDistance {
      for i in 0..<count { scores[i] = -scores[i] }
    } else {
      for i in 0..<count { scores[i] *= factor(indices.map { Int($0[i]) } ?? first + i, of: codes) }
    }
  }

  /// `√Σ(q[j]·ε[j])²`, ε the standard error of each entry's rounding; twice that with q − x̂ for squared
  /// Euclidean. Clamping is not counted.
  func standardErrors(
    _ query: PreparedQuery, _ codes: CodeView, first: Int, indices: UnsafePointer<UInt32>?, count: Int,
    into errors: UnsafeMutablePointer<Float>
  ) {
    let isDistance = metric == .squaredEuclidean
    withUnsafeTemporaryAllocation(of: Float.self, capacity: dimension) { buffer in
      let decoded = buffer.baseAddress!
      for i in 0..<count {
        decode(row: indices.map { Int($0[i]) } ?? first + i, of: codes, into: decoded)
        var variance = 0.0
        for j in 0..<dimension {
          let error = max(format.leastError, format.relativeError * abs(decoded[j]))
          let weight = isDistance ? 2 * (query.floats[j] - decoded[j]) : query.floats[j]
          variance += Double(weight) * Double(weight) * Double(error) * Double(error)
        }
        errors[i] = Float(min(variance.squareRoot(), Double(Float.greatestFiniteMagnitude)))
      }
    }
  }

  /// Nothing is learned.
  func write(to writer: inout ByteWriter) {}
}
