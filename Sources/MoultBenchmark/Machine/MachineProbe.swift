internal import Foundation
internal import MoultCompute
internal import MoultModel

/// Measures what this machine gives: arithmetic, memory, disk.
package struct MachineProbe: Sendable {
  /// What was measured.
  package struct Report: Sendable, Codable, Equatable {
    package var identity: MachineIdentity
    /// Matrix products in float32 on one core, 10⁹ operations a second; exact batch search and training.
    package var sgemmGflops: Double
    package var blasThreads: Int
    /// Streaming reads by the scan kernel on all threads, 10⁹ bytes a second; flat search is bound by it.
    package var memoryReadGbPerS: Double
    /// The same on one thread.
    package var memoryReadOneThreadGbPerS: Double
    package var disk: DiskProbe.Report?
    /// For batch work; `nil` where MOULT_DEVICE says nothing that we know.
    package var device: DeviceProbe.Report?
  }

  private let threads: Int

  package init(threads: Int = 0) {
    self.threads = threads > 0 ? threads : ProcessInfo.processInfo.activeProcessorCount
  }

  /// Takes about two seconds, and with a device some more.
  ///
  /// - Parameter directory: where the disk is measured; must exist.
  package func run(directory: String?) throws -> Report {
    let identity = MachineIdentity.current
    return Report(
      identity: identity, sgemmGflops: Self.sgemmGflops(), blasThreads: 1,
      memoryReadGbPerS: Self.memoryRead(threads: threads),
      memoryReadOneThreadGbPerS: threads == 1 ? 0 : Self.memoryRead(threads: 1),
      disk: try directory.map { try DiskProbe(directory: $0).run() }, device: try? DeviceProbe.run())
  }

  /// The best of three products; the time includes filling the matrices, about a tenth.
  private static func sgemmGflops() -> Double {
    let size = 2048
    let operations = 2 * Double(size) * Double(size) * Double(size)
    BLAS.sgemm(256)
    let seconds = (0..<3).map { _ in Stopwatch.seconds { BLAS.sgemm(size) } }
    return operations / seconds.min()! / 1e9
  }

  /// The best of five passes over more memory than any cache holds.
  private static func memoryRead(threads: Int) -> Double {
    let dimension = 1024
    let rowCount = 65_536  // 256 MiB
    let encoder = VectorEncoder.identity(dimension: dimension, metric: .innerProduct)
    let codes = CodeStore(encoder: encoder, capacity: rowCount)
    codes.fillRows(with: 0.5)
    let query = [Float](repeating: 1, count: dimension)
    let prepared = query.withUnsafeBufferPointer { encoder.prepare($0.baseAddress!) }
    let team = ThreadTeam(threads: threads)
    let partCount = threads * 4
    let rowsOfPart = rowCount / partCount
    let seconds = (0..<5).map { _ in
      Stopwatch.seconds {
        team.parallelFor.run(partCount) { part in
          withUnsafeTemporaryAllocation(of: Float.self, capacity: 512) { scores in
            for first in stride(from: part * rowsOfPart, to: (part + 1) * rowsOfPart, by: 512) {
              let count = min(512, (part + 1) * rowsOfPart - first)
              encoder.score(prepared, codes.view, first: first, count: count, into: scores.baseAddress!)
            }
          }
        }
      }
    }
    return Double(rowsOfPart * partCount * encoder.rowBytes) / seconds.min()! / 1e9
  }
}
