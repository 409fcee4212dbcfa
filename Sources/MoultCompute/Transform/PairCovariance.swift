internal import MoultModel

/// Means and covariances of paired vectors.
struct PairCovariance {
  let inputMean: [Double]
  let outputMean: [Double]
  /// Upper triangle of the inputs' covariance.
  let input: [Float]
  /// Input × output.
  let cross: [Float]

  var inputDimension: Int { inputMean.count }
  var outputDimension: Int { outputMean.count }

  /// Mean variance of an input direction, tr C / p.
  var meanVariance: Double {
    (0..<inputDimension).reduce(0.0) { $0 + Double(input[$1 * inputDimension + $1]) }
      / Double(inputDimension)
  }

  /// Whether nothing overflows in what is computed from it.
  var isModerate: Bool {
    meanVariance < 1e30 && cross.allSatisfy { abs($0) < 1e30 }
  }

  /// `C + λ·I`, upper triangle.
  func regularized(_ lambda: Double) -> [Float] {
    var matrix = input
    for i in 0..<inputDimension {
      let diagonal = i * inputDimension + i
      matrix[diagonal] = Float(Double(matrix[diagonal]) + lambda)
    }
    return matrix
  }

  /// Ridge regression of the outputs on the inputs, towards `prior` (input × output; zero if absent):
  /// `W = (C + λI)⁻¹·(C_ab + λ·prior)`, input × output.
  ///
  /// - Parameter lambda: above 0, in units of variance.
  /// - Returns: `nil` when the system is singular to float32.
  func ridge(_ lambda: Double, towards prior: [Float]? = nil) throws(MoultError) -> [Float]? {
    var matrix = regularized(lambda)
    var right = cross
    if let prior {
      for i in 0..<right.count { right[i] += Float(lambda * Double(prior[i])) }
    }
    let solved = try BLAS.solvePositiveDefinite(
      &matrix, dimension: inputDimension, &right, columns: outputDimension)
    return solved && right.allSatisfy(\.isFinite) ? right : nil
  }

  /// Orthogonal Procrustes: `W = U·Vᵀ` of `C_ab = U·Σ·Vᵀ`, the map closest to the pairs among those that
  /// keep lengths (of everything where input × output is wide, within a subspace where it is tall; the
  /// same as filling up the shorter side with zeros). `scale = tr Σ / tr C`, with which it fits best.
  func procrustes() throws(MoultError) -> (map: [Float], scale: Double) {
    let (p, q) = (inputDimension, outputDimension)
    let (u, s, vt) = try BLAS.singularValues(of: cross, rows: p, columns: q)
    let map = BLAS.product(u, vt, rows: p, columns: q, depth: min(p, q))
    let variance = meanVariance * Double(p)
    let scale = variance > 0 ? s.reduce(0.0) { $0 + Double($1) } / variance : 1
    return (map, scale)
  }

  /// `W·V_r·V_rᵀ`, V_r the leading principal directions of the fitted outputs `W`ᵀ`x`: of all maps of that
  /// rank the closest to W on the sample. The full rank gives W.
  func reduced(_ weights: [Float], rank: Int) throws(MoultError) -> [Float] {
    let (p, q) = (inputDimension, outputDimension)
    if rank >= min(p, q) { return weights }
    var fitted = mapped(by: weights)
    _ = try BLAS.symmetricEigen(&fitted, dimension: q)
    let leading = PrincipalComponents.leadingRows(of: fitted, dimension: q, kept: rank).values
    let inner = BLAS.product(weights, leading, rows: p, columns: rank, depth: q, transposingB: true)
    return BLAS.product(inner, leading, rows: p, columns: q, depth: rank)
  }

  /// Largest by smallest eigenvalue of `C + λ·I`. What rounding made negative counts as zero.
  func conditionNumber(_ lambda: Double) throws(MoultError) -> Double {
    var matrix = input
    let eigenvalues = try BLAS.symmetricEigen(&matrix, dimension: inputDimension)
    let (least, most) = (Double(max(0, eigenvalues.first!)), Double(max(0, eigenvalues.last!)))
    return (most + lambda) / max(least + lambda, .leastNormalMagnitude)
  }

  /// Covariance of the mapped inputs `Wᵀ·x`, output × output.
  func mapped(by weights: [Float]) -> [Float] {
    let (p, q) = (inputDimension, outputDimension)
    var full = input
    for i in 0..<p {
      for j in 0..<i { full[i * p + j] = full[j * p + i] }
    }
    let half = BLAS.product(full, weights, rows: p, columns: q, depth: p)
    return BLAS.product(weights, half, rows: q, columns: q, depth: p, transposingA: true)
  }

  /// `y = Wᵀ·x + (outputMean − Wᵀ·inputMean)`, or without the shift.
  func transform(
    _ map: [Float], isOrthonormal: Bool, isShifted: Bool, normalizesInput: Bool,
    direction: TransformDirection
  ) -> LinearTransform {
    let (p, q) = (inputDimension, outputDimension)
    let matrix = FloatBuffer(count: p * q) { matrix in
      map.withUnsafeBufferPointer { map in
        for i in 0..<p {
          for j in 0..<q { matrix[j * p + i] = map[i * q + j] }
        }
      }
    }
    var bias: FloatBuffer?
    if isShifted {
      bias = FloatBuffer(count: q) { bias in
        for j in 0..<q {
          var sum = outputMean[j]
          for i in 0..<p { sum -= Double(matrix.pointer[j * p + i]) * inputMean[i] }
          bias[j] = Float(sum)
        }
      }
    }
    return LinearTransform(
      matrix: matrix, bias: bias, inputDimension: p, outputDimension: q, isOrthonormal: isOrthonormal,
      normalizesInput: normalizesInput, direction: direction)
  }
}
