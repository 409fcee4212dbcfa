import CMoultKernels
import Foundation
import MoultTesting
import Testing

@Suite("dispatch")
struct DispatchTests {
  @Test("every offered level has a complete table of its own")
  func tables() {
    for level in KernelLevel.offered {
      let kernels = level.kernels
      #expect(kernels.isa == level.isa)
      // Each entry is called by its own tests; here it is enough that none was forgotten.
      withUnsafeBytes(of: kernels) { bytes in
        let first = MemoryLayout<moult_kernels>.offset(of: \.dot_f32) ?? 0
        for offset in stride(from: first, to: bytes.count, by: MemoryLayout<UInt>.stride) {
          #expect(bytes.load(fromByteOffset: offset, as: UInt.self) != 0, "\(level) at byte \(offset)")
        }
      }
    }
  }

  @Test("scalar is offered everywhere, foreign levels nowhere")
  func offered() {
    #expect(moult_kernels_for(MOULT_ISA_SCALAR) != nil)
    #expect(moult_kernels_for(moult_isa(rawValue: 99)) == nil)
    #if arch(x86_64)
      #expect(moult_kernels_for(MOULT_ISA_NEON) == nil)
    #elseif arch(arm64)
      #expect(moult_kernels_for(MOULT_ISA_NEON) != nil)
      for isa in [MOULT_ISA_AVX2, MOULT_ISA_AVXVNNI, MOULT_ISA_AVX512, MOULT_ISA_AMX] {
        #expect(moult_kernels_for(isa) == nil)
      }
    #endif
  }

  @Test("the best table is what MOULT_ISA names, and computes")
  func best() {
    let best = moult_kernels_best()
    #expect(best == moult_kernels_named(getenv("MOULT_ISA")))
    #expect(best?.pointee.dot_f32([1, 2, 3], [4, 5, 6], 3) == 32)
    #expect(best?.pointee.dot_u8([255, 2], [255, 3], 2) == 65_031)
  }

  @Test("a name gives its level, or the best one below it where it is not offered")
  func named() {
    for isa in KernelLevel.all {
      let below = KernelLevel.offered.last { $0.isa.rawValue <= isa.rawValue } ?? .scalar
      #expect(moult_kernels_named(moult_isa_name(isa)) == moult_kernels_for(below.isa))
    }
  }

  @Test("no name and names that are not known give the best level")
  func unknownNames() {
    let highest = KernelLevel.offered.last.map { moult_kernels_for($0.isa) }
    for name in ["", "AVX2", "sse", "scalar "] {
      #expect(moult_kernels_named(name) == highest)
    }
    #expect(moult_kernels_named(nil) == highest)
  }

  @Test("levels have names")
  func names() {
    #expect(String(cString: moult_isa_name(MOULT_ISA_SCALAR)) == "scalar")
    #expect(String(cString: moult_isa_name(MOULT_ISA_NEON)) == "neon")
    #expect(String(cString: moult_isa_name(MOULT_ISA_AVX2)) == "avx2")
    #expect(String(cString: moult_isa_name(MOULT_ISA_AVXVNNI)) == "avxvnni")
    #expect(String(cString: moult_isa_name(MOULT_ISA_AVX512)) == "avx512")
    #expect(String(cString: moult_isa_name(MOULT_ISA_AMX)) == "amx")
    #expect(String(cString: moult_isa_name(moult_isa(rawValue: 99))) == "unknown")
  }

  // moult_blas_select_core is not called here: all test targets are linked into one program, and there it
  // would exchange OpenBLAS's kernels under tests that are using them.
}
