import Foundation
import MoultTesting
import Synchronization
import Testing

/// R14. `MOULT_SEEDS` asks for more seeds than the usual ones, `MOULT_SEED` for a single one again.
@Suite("Simulation of jobs and switches", .timeLimit(.minutes(60)))
struct JobSimulationTests {
  private static let environment = ProcessInfo.processInfo.environment

  @Test("10,000 seeds: nothing completes twice, nothing that was fenced out lands, every job ends")
  func seeds() throws {
    if let seed = Self.environment["MOULT_SEED"].flatMap(UInt64.init) {
      if let violation = try JobSimulation.run([seed]) { Issue.record("\(violation)") }
      return
    }
    let count =
      Self.environment["MOULT_SEEDS"].flatMap(UInt64.init) ?? UInt64(Scale.count(10_000, soak: 1_000_000))
    let threads = ProcessInfo.processInfo.activeProcessorCount
    let found = Mutex<[String]>([])
    DispatchQueue.concurrentPerform(iterations: threads) { thread in
      do {
        let violation = try JobSimulation.run(stride(from: UInt64(thread), to: count, by: threads))
        if let violation { found.withLock { $0.append("\(violation)") } }
      } catch {
        found.withLock { $0.append("\(error)") }
      }
    }
    let violations = found.withLock { $0 }
    #expect(violations.isEmpty, "repeat it with MOULT_SEED=…")
    Figures.note("R14", "seeds of jobs and switches", count, "invariants broken", violations.count)
  }

  @Test("control: each broken twin is found out", .tags(.control), arguments: JobSimulation.Twin.allCases)
  func control(twin: JobSimulation.Twin) throws {
    #expect(try JobSimulation.run(0..<2_000, twin: twin) != nil)
  }
}
