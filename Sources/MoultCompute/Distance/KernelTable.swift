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
  typealias HammingRows =
    @convention(c) (
      UnsafePointer<UInt8>?, UnsafeRawPointer?, Int, UnsafePointer<UInt32>?, Int, Int,
      UnsafeMutablePointer<UInt32>?
    ) -> Void
  typealias PlaneRows =
    @convention(c) (
      UnsafePointer<UInt8>?, Int, UnsafeRawPointer?, Int, UnsafePointer<UInt32>?, Int, Int,
      UnsafeMutablePointer<UInt32>?
    ) -> Void

  typealias DoubleSum =
    @convention(c) (UnsafePointer<Float>?, UnsafePointer<Float>?, Int) -> Double
  typealias EncodeLevels =
    @convention(c) (
      UnsafePointer<Float>?, Float, Int, UnsafePointer<moult_levels>?, UnsafeMutablePointer<UInt8>?,
      UnsafeMutablePointer<Float>?, UnsafeMutablePointer<Int64>?
    ) -> Void
  typealias EncodeRows =
    @convention(c) (
      UnsafePointer<moult_u8_coder>?, UnsafePointer<Float>?, Int, Int, UnsafeMutablePointer<Float>?,
      UnsafeMutablePointer<UInt8>?, UnsafeMutablePointer<moult_u8_row>?
    ) -> Void
  typealias BFloatBlocks =
    @convention(c) (
      UnsafePointer<UInt16>?, Int, Int, UnsafeRawPointer?, Int, Int, UnsafeMutablePointer<Float>?, Int
    ) -> Void
  typealias InterleaveBlock =
    @convention(c) (UnsafeRawPointer?, Int, Int, Int, Int, UnsafeMutablePointer<UInt8>?) -> Void
  typealias ScanBlocksKernel =
    @convention(c) (
      UnsafePointer<moult_blocks>?, Int, Int, UnsafePointer<moult_scan_query>?, Int,
      UnsafeMutableRawPointer?, UnsafeMutablePointer<moult_scan_hit>?
    ) -> Int
  typealias GuideRows =
    @convention(c) (
      UnsafePointer<moult_guide_query>?, UnsafeRawPointer?, UnsafePointer<UInt32>?, Int,
      UnsafeMutablePointer<Float>?
    ) -> Void
  typealias LevelRows =
    @convention(c) (
      UnsafePointer<moult_zone>?, Int, UnsafePointer<Int8>?, UnsafeRawPointer?, Int, UnsafePointer<UInt32>?,
      Int, UnsafeMutablePointer<Int32>?
    ) -> Void

  typealias MapRows =
    @convention(c) (
      UnsafePointer<Float>?, Int, Int, UnsafePointer<Float>?, Int, Int, UnsafeMutablePointer<Float>?
    ) -> Void

  typealias ScanSketches =
    @convention(c) (
      UnsafePointer<UInt8>?, Int, Int, UnsafePointer<Int8>?, UnsafePointer<Int8>?, Int,
      UnsafeMutablePointer<UInt64>?
    ) -> Void

  let name: String
  let dot: @convention(c) (UnsafePointer<Float>?, UnsafePointer<Float>?, Int) -> Float
  let dotRows: FloatRows
  let squaredL2Rows: FloatRows
  let dotU8: @convention(c) (UnsafePointer<UInt8>?, UnsafePointer<UInt8>?, Int) -> UInt32
  let dotU8LimbRows: LimbRows
  let hammingRows: HammingRows
  let bitPlaneDotRows: PlaneRows
  let hadamard: @convention(c) (UnsafeMutablePointer<Float>?, Int) -> Void
  let encodeU8:
    @convention(c) (UnsafePointer<Float>?, Float, Float, UnsafeMutablePointer<UInt8>?, Int) -> UInt64
  let encodeSigns: @convention(c) (UnsafePointer<Float>?, UnsafeMutablePointer<UInt8>?, Int) -> Void

  let encodeLevels: EncodeLevels
  let rotateKac: @convention(c) (UnsafeMutablePointer<Float>?, UnsafePointer<UInt64>?, Int) -> Void
  let subtract:
    @convention(c) (UnsafePointer<Float>?, UnsafePointer<Float>?, UnsafeMutablePointer<Float>?, Int) -> Void
  let scale: @convention(c) (UnsafePointer<Float>?, Float, UnsafeMutablePointer<Float>?, Int) -> Void
  let sumOfSquares: @convention(c) (UnsafePointer<Float>?, Int) -> Double
  let dotDouble: DoubleSum
  let squaredL2Double: DoubleSum
  let encodeSignsSums:
    @convention(c) (
      UnsafePointer<Float>?, UnsafeMutablePointer<UInt8>?, Int, UnsafeMutablePointer<Double>?,
      UnsafeMutablePointer<Double>?
    ) -> Void
  let widenHalf: @convention(c) (UnsafePointer<UInt16>?, UnsafeMutablePointer<Float>?, Int) -> Void
  let narrowToHalf: @convention(c) (UnsafePointer<Float>?, UnsafeMutablePointer<UInt16>?, Int) -> Void
  let widenBFloat: @convention(c) (UnsafePointer<UInt16>?, UnsafeMutablePointer<Float>?, Int) -> Void
  let narrowToBFloat: @convention(c) (UnsafePointer<Float>?, UnsafeMutablePointer<UInt16>?, Int) -> Void
  let dotHalfRows: FloatRows
  let squaredL2HalfRows: FloatRows
  let dotBFloatRows: FloatRows
  let squaredL2BFloatRows: FloatRows
  let interleaveBlock: InterleaveBlock
  let scanBlocks: ScanBlocksKernel
  let levelDotRows: LevelRows
  private let guideScoreRows: GuideRows
  let scanSketches: ScanSketches

  let centre:
    @convention(c) (
      UnsafePointer<Float>?, Float, UnsafePointer<Float>?, UnsafeMutablePointer<Float>?, Int,
      UnsafeMutablePointer<Float>?
    ) -> Double
  let dotBFloatBlocks: BFloatBlocks
  let encodeU8Rows: EncodeRows
  let mapRows: MapRows
  let centreSums:
    @convention(c) (
      UnsafePointer<Float>?, Float, UnsafePointer<Float>?, UnsafeMutablePointer<Float>?, Int,
      UnsafeMutablePointer<Double>?
    ) -> Double

  /// The best table that this machine offers, or the one that `MOULT_ISA` names.
  static let best = KernelTable(moult_kernels_best().pointee)

  /// Scores the rows' guides that `indices` names; see `GraphGuide`.
  @inline(__always)
  func scoreGuides(
    _ query: GuideQuery, _ records: UnsafeRawPointer, indices: UnsafePointer<UInt32>, count: Int,
    into scores: UnsafeMutablePointer<Float>
  ) {
    var kernelQuery = moult_guide_query(
      weights: query.weights, lines: query.lines, scale: query.scale, offset: query.offset)
    guideScoreRows(&kernelQuery, records, indices, count, scores)
  }

  /// Asks for the cache lines from `address` on, one for each 64 bytes begun. No effect on results.
  @inline(__always)
  static func prefetch(_ address: UnsafeRawPointer, bytes: Int) {
    var offset = 0
    while offset < bytes {
      moult_prefetch(address + offset)
      offset &+= 64
    }
  }

  /// Asks for `count` floats to be brought near; at most 16 KiB of them. No effect on results.
  static func prefetch(_ floats: UnsafePointer<Float>, count: Int) {
    for i in stride(from: 0, to: min(count, 4096), by: 16) { moult_prefetch(floats + i) }
  }

  /// Asks for the `count` floats of a vector some vectors ahead, where there is one, while vector `i` is worked on.
  static func prefetchNext(
    after i: Int, of vectorCount: Int, _ vector: UnsafePointer<Float>, stride: Int, count: Int
  ) {
    guard i + prefetchedVectors < vectorCount else { return }
    prefetch(vector + prefetchedVectors * stride, count: count)
  }

  private static let prefetchedVectors = 2

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
    hammingRows = table.hamming_rows
    bitPlaneDotRows = table.bit_plane_dot_rows
    hadamard = table.hadamard_f32
    encodeU8 = table.encode_u8
    encodeSigns = table.encode_signs
    encodeLevels = table.encode_levels
    rotateKac = table.rotate_kac_f32
    subtract = table.subtract_f32
    scale = table.scale_f32
    sumOfSquares = table.sum_of_squares_f32
    dotDouble = table.dot_f32_f64
    squaredL2Double = table.squared_l2_f32_f64
    encodeSignsSums = table.encode_signs_sums
    widenHalf = table.f16_to_f32
    narrowToHalf = table.f32_to_f16
    widenBFloat = table.bf16_to_f32
    narrowToBFloat = table.f32_to_bf16
    dotHalfRows = table.dot_f16_rows
    squaredL2HalfRows = table.squared_l2_f16_rows
    dotBFloatRows = table.dot_bf16_rows
    squaredL2BFloatRows = table.squared_l2_bf16_rows
    interleaveBlock = table.interleave_block
    scanBlocks = table.scan_blocks
    levelDotRows = table.level_dot_rows
    guideScoreRows = table.guide_score_rows
    scanSketches = table.scan_sketches
    centre = table.centre_f32
    encodeU8Rows = table.encode_u8_rows
    dotBFloatBlocks = table.dot_bf16_blocks
    centreSums = table.centre_sums_f32
    mapRows = table.map_rows_f32
  }
}
