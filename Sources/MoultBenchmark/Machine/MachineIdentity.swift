internal import Foundation
internal import MoultCompute

/// What this process runs on, as far as it does not have to be measured.
package struct MachineIdentity: Sendable, Codable, Equatable {
  package var processor: String
  /// Logical processors this process may use.
  package var cores: Int
  package var memoryBytes: Int
  /// Features of the processor, as Linux names them; only those that matter here.
  package var features: [String]
  package var isa: String
  package var blasCore: String

  private static let interesting = [
    "avx2", "fma", "f16c", "avx_vnni", "avx512f", "avx512bw", "avx512vl", "avx512dq", "avx512vbmi",
    "avx512_vnni", "avx512_vpopcntdq", "amx_tile", "amx_int8", "amx_bf16", "asimd", "asimddp", "i8mm",
  ]

  package static let current = MachineIdentity()

  private init() {
    let lines = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
    func field(_ names: [String]) -> String? {
      for line in lines.split(separator: "\n") {
        let parts = line.split(separator: ":", maxSplits: 1).map { $0.trimmingCharacters(in: .whitespaces) }
        if parts.count == 2 && names.contains(parts[0]) { return parts[1] }
      }
      return nil
    }
    processor = field(["model name", "Model"]) ?? "unknown"
    let flags = Set((field(["flags", "Features"]) ?? "").split(separator: " ").map(String.init))
    features = Self.interesting.filter(flags.contains)
    cores = ProcessInfo.processInfo.activeProcessorCount
    memoryBytes = Int(ProcessInfo.processInfo.physicalMemory)
    isa = InstructionSet.current
    blasCore = BLAS.core
  }
}
