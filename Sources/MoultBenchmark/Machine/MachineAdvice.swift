internal import Foundation
internal import MoultModel

/// Advice drawn from what a machine is and gives, in words.
package struct MachineAdvice: Sendable, Codable, Equatable {
  /// Something is wrong and can be cured.
  package var problems: [String]
  /// Worth knowing.
  package var notes: [String] = []

  package init(_ report: MachineProbe.Report) {
    let identity = report.identity
    let forced = Self.forced
    problems = Self.problems(of: identity)
    if let forced {
      notes.append("MOULT_ISA=\(forced) is set; the \(identity.isa) kernels run")
    } else if ["avx2", "avxvnni"].contains(identity.isa) {
      notes.append(
        identity.features.contains("avx512f")
          ? "AVX-512 is there, but not VNNI, VBMI and VPOPCNTDQ with it: the \(identity.isa) kernels run"
          : "no AVX-512: the \(identity.isa) kernels run, about half as fast on codes")
    } else if identity.isa == "avx512" && identity.features.contains("amx_int8") {
      notes.append("the processor has AMX, but the system does not grant it: batches run on AVX-512")
    } else if identity.isa == "scalar" && !Self.hasVectors(identity) {
      notes.append("the processor has no AVX2: the scalar kernels run, many times slower")
    }
    if identity.blasCore == "unknown" {
      notes.append("the BLAS library is not OpenBLAS; exact search and training are as fast as it is")
    }
    if let device = report.device {
      if let refusal = device.refusal, device.choice == "cuda" {
        problems.append(
          "MOULT_DEVICE=cuda asks for a device, but there is none, and batch work runs on the CPU: \(refusal)"
        )
      }
    } else {
      do throws(MoultError) { _ = try DeviceProbe.run() } catch { problems.append(error.message) }
    }
    if let disk = report.disk {
      if disk.syncMedianMs > 20 {
        notes.append("a sync takes \(Int(disk.syncMedianMs)) ms on this disk: send many points in each write")
      }
      if disk.freeBytes < 1 << 30 {
        problems.append("less than 1 GiB is free on the disk of \(disk.directory)")
      }
    }
  }

  /// What can be told without measuring.
  package static func problems(of identity: MachineIdentity) -> [String] {
    var problems: [String] = []
    if identity.isa == "scalar" && forced == nil && hasVectors(identity) {
      problems.append("the processor has vector instructions, but the scalar kernels run")
    }
    if slowCores.contains(identity.blasCore.lowercased()) && hasVectors(identity) {
      let better = identity.features.contains("avx512f") ? "SkylakeX" : "Haswell"
      problems.append(
        "OpenBLAS runs its \(identity.blasCore) kernels, a quarter of this processor's speed; "
          + "set OPENBLAS_CORETYPE=\(better) before starting moult")
    }
    return problems
  }

  /// OpenBLAS' kernels for processors without AVX.
  private static let slowCores: Set<String> = [
    "prescott", "core2", "penryn", "dunnington", "nehalem", "generic",
  ]

  private static var forced: String? { ProcessInfo.processInfo.environment["MOULT_ISA"] }

  private static func hasVectors(_ identity: MachineIdentity) -> Bool {
    identity.features.contains("avx2") || identity.features.contains("asimd")
  }
}
