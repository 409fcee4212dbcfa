internal import Foundation
public import MoultModel

/// The directions in which a sample varies most: the leading eigenvectors of its covariance (`ssyrk`, then
/// LAPACK `ssyevd`).
///
/// Under cosine and inner product vectors are projected as they are, uncentred, so that inner products
/// within the kept space are the vectors' own. Under squared Euclidean the mean is taken off first, which
/// changes no distance and keeps the codes' range small.
public struct PrincipalComponents: Sendable {
  /// `y = A·x` (`− A·mean` for squared Euclidean), the rows of A orthonormal, by falling eigenvalue.
  public let transform: LinearTransform
  /// All eigenvalues of the (shrunk) covariance, falling; variance per direction.
  public let eigenvalues: [Float]
  /// ρ of `C ← (1 − ρ)·C + ρ·(tr C/d)·I`: 0 from 4·d vectors on.
  public let shrinkage: Double

  /// Part of the variance that the kept directions hold, 0 … 1.
  public var explainedVariance: Double {
    let all = eigenvalues.reduce(0.0) { $0 + max(0, Double($1)) }
    let kept = eigenvalues.prefix(transform.outputDimension).reduce(0.0) { $0 + max(0, Double($1)) }
    return all > 0 ? kept / all : 1
  }

  /// Bits per dimension that codes in the basis of the components save over codes whose bits are spread
  /// evenly, at the same error.
  public var predictedGainBits: Double { PrincipalComponents.predictedGainBits(eigenvalues) }

  /// ½·log₂(arithmetic mean / geometric mean) of the variances; 0 when all are equal. Directions without
  /// variance (below what float32 resolves beside the largest) need no bits in any code and are left out.
  static func predictedGainBits(_ eigenvalues: [Float]) -> Double {
    let largest = Double(eigenvalues.max() ?? 0)
    let floor = largest * Double(eigenvalues.count) * 0x1p-24
    let live = eigenvalues.map(Double.init).filter { $0 > floor }
    guard !live.isEmpty else { return 0 }
    let count = Double(live.count)
    let arithmetic = live.reduce(0, +) / count
    let logGeometric = live.reduce(0) { $0 + log2($1) } / count
    return max(0, 0.5 * (log2(arithmetic) - logGeometric))
  }

  /// The largest input dimension: its covariance takes 256 MiB and its eigenvectors minutes.
  public static let dimensionMax = 8192

  /// Fits to a sample; 10·d vectors are comfortable, fewer than 4·d are made up for by shrinkage.
  ///
  /// - Parameters:
  ///   - sample: `count × dimension`; each is scaled to unit length first under cosine.
  ///   - kept: directions to keep, 1 … `dimension`.
  /// - Throws: `invalidArgument` for an empty sample, `unsupported` above `dimensionMax`, `invalidVector`
  ///   when the sample's covariance is not finite.
  /// - Complexity: O(count·d² + d³) time, O(d²) memory beside a block of the sample.
  public static func fit(
    sample: UnsafePointer<Float>, count: Int, dimension: Int, keeping kept: Int, metric: Metric
  ) throws(MoultError) -> PrincipalComponents {
    precondition(kept >= 1 && kept <= dimension)
    guard count > 0 else {
      throw MoultError(
        .invalidArgument, "a learned transform needs vectors to learn from; insert some first")
    }
    guard dimension <= dimensionMax else {
      throw MoultError(
        .unsupported,
        "a learned transform works up to \(dimensionMax) dimensions, this collection has \(dimension)")
    }
    let isUnit = metric == .cosine
    let mean = mean(of: sample, count: count, dimension: dimension, normalizing: isUnit)
    var covariance = covariance(
      of: sample, count: count, dimension: dimension, mean: mean, normalizing: isUnit)
    guard (0..<dimension).allSatisfy({ covariance[$0 * dimension + $0].isFinite }) else {
      throw MoultError(
        .invalidVector, "the sample holds numbers that are not finite or too large to learn a transform from")
    }
    let shrinkage = count < 4 * dimension ? min(1, Double(dimension) / Double(count) * 0.5) : 0
    let meanVariance =
      (0..<dimension).reduce(0.0) { $0 + Double(covariance[$1 * dimension + $1]) } / Double(dimension)
    let ascending = try BLAS.symmetricEigen(&covariance, dimension: dimension)
    // Shrinkage leaves the eigenvectors and moves the eigenvalues, so it is applied to those.
    let eigenvalues = ascending.reversed().map {
      Float((1 - shrinkage) * Double($0) + shrinkage * meanVariance)
    }
    let matrix = leadingRows(of: covariance, dimension: dimension, kept: kept)
    var bias: FloatBuffer?
    if metric == .squaredEuclidean {
      bias = FloatBuffer(count: kept) { bias in
        for i in 0..<kept {
          var sum = 0.0
          for j in 0..<dimension { sum += Double(matrix.pointer[i * dimension + j]) * mean[j] }
          bias[i] = Float(-sum)
        }
      }
    }
    return PrincipalComponents(
      transform: LinearTransform(
        matrix: matrix, bias: bias, inputDimension: dimension, outputDimension: kept, isOrthonormal: true),
      eigenvalues: eigenvalues, shrinkage: shrinkage)
  }

  /// The mean of the sample, in double.
  static func mean(
    of sample: UnsafePointer<Float>, count: Int, dimension: Int, normalizing: Bool
  ) -> [Double] {
    var sum = [Double](repeating: 0, count: dimension)
    sum.withUnsafeMutableBufferPointer { sum in
      for i in 0..<count {
        let row = sample + i * dimension
        var scale = 1.0
        if normalizing {
          let squared = VectorNorm.squared(row, dimension)
          scale = squared > 0 ? 1 / squared.squareRoot() : 0
        }
        for j in 0..<dimension { sum[j] += Double(row[j]) * scale }
      }
    }
    return sum.map { $0 / Double(max(1, count)) }
  }

  /// Upper triangle of the covariance. Blocks of 256 rows are centred, then multiplied: no cancellation.
  static func covariance(
    of sample: UnsafePointer<Float>, count: Int, dimension: Int, mean: [Double], normalizing: Bool
  ) -> [Float] {
    var gram = [Float](repeating: 0, count: dimension * dimension)
    let floatMean = mean.map(Float.init)
    withUnsafeTemporaryAllocation(of: Float.self, capacity: 256 * dimension) { block in
      gram.withUnsafeMutableBufferPointer { gram in
        floatMean.withUnsafeBufferPointer { mean in
          var done = 0
          while done < count {
            let rows = min(256, count - done)
            for i in 0..<rows {
              let source = sample + (done + i) * dimension
              let target = block.baseAddress! + i * dimension
              if normalizing {
                VectorNorm.normalize(source, dimension, into: target)
              } else {
                target.update(from: source, count: dimension)
              }
              for j in 0..<dimension { target[j] -= mean[j] }
            }
            BLAS.addGram(of: block.baseAddress!, rows: rows, dimension: dimension, to: gram.baseAddress!)
            done += rows
          }
          let scale = 1 / Float(count)
          for i in 0..<gram.count { gram[i] *= scale }
        }
      }
    }
    return gram
  }

  /// The last columns of the eigenvector matrix as rows, largest eigenvalue first. An eigenvector's sign is
  /// arbitrary; the entry of largest magnitude is made positive.
  static func leadingRows(of vectors: [Float], dimension: Int, kept: Int) -> FloatBuffer {
    FloatBuffer(count: kept * dimension) { matrix in
      for i in 0..<kept {
        let row = matrix + i * dimension
        var largest: Float = 0
        for j in 0..<dimension {
          row[j] = vectors[j * dimension + (dimension - 1 - i)]
          if abs(row[j]) > abs(largest) { largest = row[j] }
        }
        if largest < 0 {
          for j in 0..<dimension { row[j] = -row[j] }
        }
      }
    }
  }
}
