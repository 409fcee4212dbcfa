internal import CMoultKernels

/// The C kernels in use, as Swift function values: the only file that imports them.
///
/// Contracts (lengths, alignment, error bounds) stand in `kernels/include/moult/kernels.h`. Kernels check
/// nothing; the callers in this module have checked.
struct KernelTable: Sendable {
  typealias FloatRows =
    @convention(c) (
      UnsafePointer<Float>?, UnsafeRawPointer?, Int, UnsafePointer<UInt32>?, Int, Int,
      UnsafeMutablePointer<Float>?
    ) -> Void
  typealias LimbRows =
    @convention(c) (
      UnsafePointer<Int8>?, UnsafePointer<Int8>?, UnsafeRawPointer?, Int, UnsafePointer<UInt32>?, Int, Int,
      UnsafeMutablePointer<Int32>?, UnsafeMutablePointer<Int32>?
    ) -> Void
  typealias PlaneRows =
    @convention(c) (
      UnsafePointer<UInt8>?, Int, UnsafeRawPointer?, Int, UnsafePointer<UInt32>?, Int, Int,
      UnsafeMutablePointer<UInt32>?
    ) -> Void

  let name: String
  let dot: @convention(c) (UnsafePointer<Float>?, UnsafePointer<Float>?, Int) -> Float
  let dotRows: FloatRows
  let squaredL2Rows: FloatRows
  let dotU8: @convention(c) (UnsafePointer<UInt8>?, UnsafePointer<UInt8>?, Int) -> UInt32
  let dotU8LimbRows: LimbRows
  let hamming: @convention(c) (UnsafePointer<UInt8>?, UnsafePointer<UInt8>?, Int) -> UInt32
  let bitPlaneDotRows: PlaneRows
  let hadamard: @convention(c) (UnsafeMutablePointer<Float>?, Int) -> Void
  let encodeU8:
    @convention(c) (UnsafePointer<Float>?, Float, Float, UnsafeMutablePointer<UInt8>?, Int) -> UInt64
  let encodeSigns: @convention(c) (UnsafePointer<Float>?, UnsafeMutablePointer<UInt8>?, Int) -> Void

  /// The best table that this machine offers, or the one that `MOULT_ISA` names.
  static let best = KernelTable(moult_kernels_best().pointee)

  /// Lets OpenBLAS use the kernels this processor deserves and one thread; see `BLAS.core`.
  static func selectBLASCore() -> String {
    guard let core = moult_blas_select_core() else { return "unknown" }
    return String(cString: core)
  }

  private init(_ table: moult_kernels) {
    name = moult_isa_name(table.isa).map { String(cString: $0) } ?? "unknown"
    dot = table.dot_f32
    dotRows = table.dot_f32_rows
    squaredL2Rows = table.squared_l2_f32_rows
    dotU8 = table.dot_u8
    dotU8LimbRows = table.dot_u8_i8x2_rows
    hamming = table.hamming
    bitPlaneDotRows = table.bit_plane_dot_rows
    hadamard = table.hadamard_f32
    encodeU8 = table.encode_u8
    encodeSigns = table.encode_signs
  }
}

/// The instruction set that Moult's kernels use on this machine.
public enum InstructionSet {
  /// "scalar", "neon", "avx2" or "avx512".
  public static var current: String { KernelTable.best.name }
}
