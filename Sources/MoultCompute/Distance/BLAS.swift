internal import CLAPACKE
internal import COpenBLAS
internal import MoultModel

/// OpenBLAS and LAPACKE, in the few shapes that Moult uses. All matrices are row-major.
///
/// Every use goes through `core` first, so that the right BLAS kernels are chosen before the first call;
/// a program that may use BLAS from several threads reads `core` once while it starts.
public enum BLAS {
  /// The kernels that the BLAS library uses, for example "SkylakeX"; "unknown" if it is not OpenBLAS.
  ///
  /// The first read chooses them: Debian's OpenBLAS 0.3.21 takes SSE3 kernels, a quarter of the speed, on
  /// processors it does not know. It also sets BLAS to one thread; Moult brings its own pool.
  public static let core: String = KernelTable.selectBLASCore()

  /// A fixed piece of work to measure the rate by: one product of `n × n` matrices, 2·n³ floating-point
  /// operations.
  ///
  /// - Returns: one entry of the product, the same on every call; to keep the work from being removed.
  @discardableResult
  public static func sgemm(_ n: Int) -> Float {
    precondition(n > 0 && n <= 16_384)
    _ = core
    let a = [Float](repeating: 0.5, count: n * n)
    let b = [Float](repeating: 0.25, count: n * n)
    var c = [Float](repeating: 0, count: n * n)
    multiplyTransposed(a, rows: n, b, columns: n, depth: n, bStride: n, into: &c, stride: n)
    return c[n * n - 1]
  }

  /// `c[i][j] = Σₗ a[i][l]·b[j][l]`: every row of `a` with every row of `b`.
  ///
  /// Error of an entry: ≤ depth · 2⁻²⁴ · Σ|a[i][l]·b[j][l]|; the order of the sum is the library's.
  ///
  /// - Parameters:
  ///   - a: `rows × depth`, contiguous.
  ///   - b: `columns × depth`, its rows `bStride` floats apart.
  ///   - c: `rows × columns`, its rows `stride` floats apart.
  static func multiplyTransposed(
    _ a: UnsafePointer<Float>, rows: Int, _ b: UnsafePointer<Float>, columns: Int, depth: Int,
    bStride: Int, into c: UnsafeMutablePointer<Float>, stride: Int
  ) {
    _ = core
    cblas_sgemm(
      CblasRowMajor, CblasNoTrans, CblasTrans, blasint(rows), blasint(columns), blasint(depth), 1, a,
      blasint(depth), b, blasint(bStride), 0, c, blasint(stride))
  }

  /// Adds `xᵀ·x` of a `rows × dimension` block to the upper triangle of `gram` (`dimension × dimension`).
  static func addGram(
    of x: UnsafePointer<Float>, rows: Int, dimension: Int, to gram: UnsafeMutablePointer<Float>
  ) {
    _ = core
    cblas_ssyrk(
      CblasRowMajor, CblasUpper, CblasTrans, blasint(dimension), blasint(rows), 1, x, blasint(dimension), 1,
      gram, blasint(dimension))
  }

  /// Eigenvalues, ascending, of the symmetric matrix whose upper triangle `matrix` holds; the matrix
  /// becomes its eigenvectors, one a column.
  ///
  /// - Throws: `internalError` when the iteration does not converge, which finite input does not cause.
  static func symmetricEigen(_ matrix: inout [Float], dimension: Int) throws(MoultError) -> [Float] {
    _ = core
    var eigenvalues = [Float](repeating: 0, count: dimension)
    let status = LAPACKE_ssyevd(
      LAPACK_ROW_MAJOR, CChar(UInt8(ascii: "V")), CChar(UInt8(ascii: "U")), Int32(dimension), &matrix,
      Int32(dimension), &eigenvalues)
    guard status == 0 else {
      throw MoultError(
        .internalError,
        "LAPACK ssyevd failed with status \(status) on a \(dimension) × \(dimension) covariance matrix")
    }
    return eigenvalues
  }

  /// `c[i][j] += Σₗ a[l][i]·b[l][j]`: adds `aᵀ·b` of two blocks of paired rows.
  ///
  /// - Parameters:
  ///   - a: `rows × aDimension`.
  ///   - b: `rows × bDimension`.
  ///   - c: `aDimension × bDimension`.
  static func addCrossProduct(
    _ a: UnsafePointer<Float>, aDimension: Int, _ b: UnsafePointer<Float>, bDimension: Int, rows: Int,
    to c: UnsafeMutablePointer<Float>
  ) {
    _ = core
    cblas_sgemm(
      CblasRowMajor, CblasTrans, CblasNoTrans, blasint(aDimension), blasint(bDimension), blasint(rows), 1, a,
      blasint(aDimension), b, blasint(bDimension), 1, c, blasint(bDimension))
  }

  /// The product of two matrices, or of their transposes, `rows × columns`.
  ///
  /// - Parameters:
  ///   - a: `rows × depth`, or `depth × rows` where `transposingA`.
  ///   - b: `depth × columns`, or `columns × depth` where `transposingB`.
  static func product(
    _ a: [Float], _ b: [Float], rows: Int, columns: Int, depth: Int, transposingA: Bool = false,
    transposingB: Bool = false
  ) -> [Float] {
    precondition(rows > 0 && columns > 0 && depth > 0)
    precondition(a.count == rows * depth && b.count == depth * columns)
    _ = core
    var c = [Float](repeating: 0, count: rows * columns)
    cblas_sgemm(
      CblasRowMajor, transposingA ? CblasTrans : CblasNoTrans, transposingB ? CblasTrans : CblasNoTrans,
      blasint(rows), blasint(columns), blasint(depth), 1, a, blasint(transposingA ? rows : depth), b,
      blasint(transposingB ? depth : columns), 0, &c, blasint(columns))
    return c
  }

  /// Solves `m·x = right` for a symmetric positive definite `m` (`sposv`).
  ///
  /// - Parameters:
  ///   - matrix: its upper triangle, `dimension × dimension`; becomes its Cholesky factor.
  ///   - right: `dimension × columns`; becomes `x`.
  /// - Returns: `false` when the matrix is not positive definite to float32; both are then garbage.
  static func solvePositiveDefinite(
    _ matrix: inout [Float], dimension: Int, _ right: inout [Float], columns: Int
  ) throws(MoultError) -> Bool {
    precondition(matrix.count == dimension * dimension && right.count == dimension * columns)
    _ = core
    let status = LAPACKE_sposv(
      LAPACK_ROW_MAJOR, CChar(UInt8(ascii: "U")), Int32(dimension), Int32(columns), &matrix,
      Int32(dimension), &right, Int32(columns))
    guard status >= 0 else {
      throw failure("sposv", status, "a \(dimension) × \(dimension) system")
    }
    return status == 0
  }

  /// The singular value decomposition `m = u·diag(s)·vᵀ` (`sgesdd`), reduced to `k = min(rows, columns)`.
  ///
  /// - Parameter matrix: `rows × columns`.
  /// - Returns: `u` (`rows × k`), `s` falling, `vt` (`k × columns`).
  static func singularValues(
    of matrix: [Float], rows: Int, columns: Int
  ) throws(MoultError) -> (u: [Float], s: [Float], vt: [Float]) {
    precondition(matrix.count == rows * columns)
    _ = core
    let k = min(rows, columns)
    var matrix = matrix
    var u = [Float](repeating: 0, count: rows * k)
    var s = [Float](repeating: 0, count: k)
    var vt = [Float](repeating: 0, count: k * columns)
    let status = LAPACKE_sgesdd(
      LAPACK_ROW_MAJOR, CChar(UInt8(ascii: "S")), Int32(rows), Int32(columns), &matrix, Int32(columns), &s,
      &u, Int32(k), &vt, Int32(columns))
    guard status == 0 else { throw failure("sgesdd", status, "a \(rows) × \(columns) matrix") }
    return (u, s, vt)
  }

  /// Q and the diagonal of R of the QR decomposition of a square matrix (`sgeqrf`, `sorgqr`).
  ///
  /// - Parameter matrix: `dimension × dimension`; becomes Q.
  /// - Returns: the diagonal of R, of either sign.
  static func orthogonalize(_ matrix: inout [Float], dimension: Int) throws(MoultError) -> [Float] {
    precondition(matrix.count == dimension * dimension)
    _ = core
    let n = Int32(dimension)
    var reflectors = [Float](repeating: 0, count: dimension)
    var status = LAPACKE_sgeqrf(LAPACK_ROW_MAJOR, n, n, &matrix, n, &reflectors)
    guard status == 0 else { throw failure("sgeqrf", status, "a \(n) × \(n) matrix") }
    let diagonal = (0..<dimension).map { matrix[$0 * dimension + $0] }
    status = LAPACKE_sorgqr(LAPACK_ROW_MAJOR, n, n, n, &matrix, n, reflectors)
    guard status == 0 else { throw failure("sorgqr", status, "a \(n) × \(n) matrix") }
    return diagonal
  }

  private static func failure(_ routine: String, _ status: Int32, _ subject: String) -> MoultError {
    MoultError(.internalError, "LAPACK \(routine) failed with status \(status) on \(subject)")
  }
}
