import CMoultKernels
import Testing

/// An instruction-set level that this machine offers, as an argument of tests.
struct KernelLevel: Sendable, CustomTestStringConvertible {
  let isa: moult_isa

  var kernels: moult_kernels { moult_kernels_for(isa).pointee }
  var testDescription: String { String(cString: moult_isa_name(isa)) }

  static let scalar = KernelLevel(isa: MOULT_ISA_SCALAR)
  /// Lowest first.
  static let all = [
    MOULT_ISA_SCALAR, MOULT_ISA_NEON, MOULT_ISA_AVX2, MOULT_ISA_AVXVNNI, MOULT_ISA_AVX512, MOULT_ISA_AMX,
  ]
  static let offered =
    all
    .filter { moult_kernels_for($0) != nil }
    .map(KernelLevel.init)
}

/// Lengths on both sides of every register and loop boundary, and a few that occur in practice.
let aroundLanes = [
  0, 1, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 255, 256, 257, 384, 768, 1000,
]

/// Row counts around the groups in which `_rows` kernels work, each with a gather list that jumps,
/// repeats and leaves out.
let rowCounts = [0, 1, 2, 3, 4, 5, 7, 8, 9, 16, 17, 23]

func gatherList(count: Int, rowCount: Int) -> [UInt32] {
  (0..<count).map { UInt32(($0 * 7 + $0 / 3) % rowCount) }
}
