/// Sums over pairs that least squares needs: counts, sums, `Σ a·aᵀ` and `Σ a·bᵀ`, taken around fixed centres
/// near the means, so that nothing cancels when the exact means come off. Sums of parts can be subtracted
/// from those of the whole, which makes cross-validation cost two passes instead of one per fold.
struct PairMoments {
  private(set) var count: Int
  private var inputSum: [Double]
  private var outputSum: [Double]
  /// Upper triangle, input × input.
  private var gram: [Float]
  /// Input × output.
  private var cross: [Float]
  private let inputCentre: [Float]
  private let outputCentre: [Float]

  /// - Parameter centres: points near the means, the same for all moments of a sample.
  init(of sample: PairedSample, rows: Range<Int>, centres: (input: [Float], output: [Float])) {
    let (p, q) = (sample.inputDimension, sample.outputDimension)
    count = rows.count
    inputCentre = centres.input
    outputCentre = centres.output
    var inputSum = [Double](repeating: 0, count: p)
    var outputSum = [Double](repeating: 0, count: q)
    var gram = [Float](repeating: 0, count: p * p)
    var cross = [Float](repeating: 0, count: p * q)
    var a = [Float](repeating: 0, count: 256 * p)
    var b = [Float](repeating: 0, count: 256 * q)
    for first in stride(from: rows.lowerBound, to: rows.upperBound, by: 256) {
      let size = min(256, rows.upperBound - first)
      PairMoments.centre(
        sample.input, first: first, count: size, around: centres.input, into: &a, sum: &inputSum)
      PairMoments.centre(
        sample.output, first: first, count: size, around: centres.output, into: &b, sum: &outputSum)
      BLAS.addGram(of: a, rows: size, dimension: p, to: &gram)
      BLAS.addCrossProduct(a, aDimension: p, b, bDimension: q, rows: size, to: &cross)
    }
    self.inputSum = inputSum
    self.outputSum = outputSum
    self.gram = gram
    self.cross = cross
  }

  /// The means of a sample.
  static func centres(of sample: PairedSample) -> (input: [Float], output: [Float]) {
    func mean(_ vectors: [Float], _ dimension: Int) -> [Float] {
      PrincipalComponents.mean(
        of: vectors, count: sample.count, dimension: dimension, normalizing: false
      ).map(Float.init)
    }
    return (mean(sample.input, sample.inputDimension), mean(sample.output, sample.outputDimension))
  }

  private static func centre(
    _ vectors: [Float], first: Int, count: Int, around centre: [Float], into block: inout [Float],
    sum: inout [Double]
  ) {
    let dimension = centre.count
    vectors.withUnsafeBufferPointer { vectors in
      centre.withUnsafeBufferPointer { centre in
        block.withUnsafeMutableBufferPointer { block in
          sum.withUnsafeMutableBufferPointer { sum in
            for i in 0..<count {
              let source = vectors.baseAddress! + (first + i) * dimension
              let target = block.baseAddress! + i * dimension
              for j in 0..<dimension {
                target[j] = source[j] - centre[j]
                sum[j] += Double(target[j])
              }
            }
          }
        }
      }
    }
  }

  /// The moments of the other pairs.
  func subtracting(_ part: PairMoments) -> PairMoments {
    var rest = self
    rest.count -= part.count
    for i in inputSum.indices { rest.inputSum[i] -= part.inputSum[i] }
    for i in outputSum.indices { rest.outputSum[i] -= part.outputSum[i] }
    PairMoments.subtract(part.gram, from: &rest.gram)
    PairMoments.subtract(part.cross, from: &rest.cross)
    return rest
  }

  private static func subtract(_ part: [Float], from whole: inout [Float]) {
    whole.withUnsafeMutableBufferPointer { whole in
      part.withUnsafeBufferPointer { part in
        for i in 0..<whole.count { whole[i] -= part[i] }
      }
    }
  }

  /// Covariances around the means of these pairs.
  func covariance() -> PairCovariance {
    let n = Double(max(1, count))
    let (inputMean, outputMean) = (inputSum.map { $0 / n }, outputSum.map { $0 / n })
    var (gram, cross) = (gram, cross)
    let (p, q) = (inputMean.count, outputMean.count)
    gram.withUnsafeMutableBufferPointer { gram in
      for i in 0..<p {
        for j in i..<p {
          gram[i * p + j] = Float(Double(gram[i * p + j]) / n - inputMean[i] * inputMean[j])
        }
      }
    }
    cross.withUnsafeMutableBufferPointer { cross in
      for i in 0..<p {
        for j in 0..<q {
          cross[i * q + j] = Float(Double(cross[i * q + j]) / n - inputMean[i] * outputMean[j])
        }
      }
    }
    return PairCovariance(
      inputMean: zip(inputMean, inputCentre).map { $0 + Double($1) },
      outputMean: zip(outputMean, outputCentre).map { $0 + Double($1) }, input: gram, cross: cross)
  }
}
