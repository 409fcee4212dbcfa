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
}
