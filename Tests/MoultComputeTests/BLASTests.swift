import Testing

@testable import MoultCompute

@Suite("BLAS")
struct BLASTests {
  @Test("says which kernels it uses and multiplies")
  func multiplies() {
    #expect(!BLAS.core.isEmpty)
    #expect(BLAS.sgemm(100) == 12.5)  // 100 · 0.5 · 0.25
  }

  @Test("the kernels' instruction set has a name")
  func namesInstructionSet() {
    let names = ["scalar", "neon", "avx2", "avxvnni", "avx512", "amx"]
    #expect(names.contains(InstructionSet.current))
  }
}
