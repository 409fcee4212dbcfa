import Foundation
import Glibc
import MoultCompute
import MoultModel
import MoultTesting
import Synchronization
import Testing

@testable import MoultEngine

/// Keeps every processor of the machine busy with threads of the usual priority, until it is let go.
private final class Saturation: Sendable {
  private let isOver = Atomic(false)

  /// - Parameter threadsPerProcessor: so many wait for each processor besides.
  init(threadsPerProcessor: Int = 2) {
    for _ in 0..<ProcessInfo.processInfo.activeProcessorCount * threadsPerProcessor {
      Thread { [self] in while !isOver.load(ordering: .relaxed) {} }.start()
    }
  }

  func end() { isOver.store(true, ordering: .relaxed) }
}

/// One after another: they take all processors.
@Suite("Jobs on a saturated machine", .serialized)
struct SaturationTests {
  @Test("a switch ends although others keep every processor busy all the time", .timeLimit(.minutes(15)))
  func switchEnds() async throws {
    let harness = try await EngineHarness()
    try await harness.importSample("words", rows: 600)
    let saturation = Saturation()
    defer { saturation.end() }
    let job = try await harness.engine.startSwitch(
      "words",
      SwitchRequest(
        specification: EncodingSpecification(
          quantization: .int8, index: .hnsw(m: 4, efConstruction: 16), oversampling: 4),
        gate: RecallGateRequest(minimumRecall: 0.5)))
    let ended = try await harness.finish(job)
    #expect(ended.state == .completed, "\(ended.error ?? "")")
    saturation.end()
    try await harness.shutDown()
  }

  /// Seconds of processor time, spread over so many rounds.
  private static let roundSeconds = 0.005
  private static let rounds = 60

  @Test("rounds that threads get no time for are taken by others, also after some have begun")
  func rounds() async throws {
    let saturation = Saturation()
    defer { saturation.end() }
    let start = ContinuousClock.now
    try await Self.loop(ComputePool(name: "test", threadCount: 2, priority: .yielding)) {}
    // Not judged: it tells how fast jobs are at least.
    Figures.note("R11", "share of a processor that jobs get at least", Self.share(start.secondsToNow))
  }

  @Test(
    "control: without help they are not done in that time", .tags(.control),
    .timeLimit(.minutes(15)))
  func control() async throws {
    let saturation = Saturation()
    defer { saturation.end() }
    let start = ContinuousClock.now
    try await Self.loop(ComputePool(name: "test", threadCount: 2, priority: .yielding)) {}
    let helped = start.secondsToNow

    let isDone = Atomic(false)
    async let alone: Void = Self.loop(
      ComputePool(name: "test", threadCount: 2, priority: .yielding, helpsStarved: false)
    ) {
      isDone.store(true, ordering: .relaxed)
    }
    try await Task.sleep(for: .seconds(helped))
    let isDoneAlone = isDone.load(ordering: .relaxed)
    #expect(!isDoneAlone)
    saturation.end()
    try await alone
  }

  private static func share(_ seconds: Double) -> String {
    String(format: "%.3f", Double(rounds) * roundSeconds / seconds)
  }

  private static func loop(_ pool: ComputePool, ended: @Sendable @escaping () -> Void) async throws {
    let count = Atomic(0)
    let total = try await pool.run {
      for _ in 0..<2 {
        pool.parallelFor.run(rounds / 2) { _ in
          let end = threadSeconds + roundSeconds
          while threadSeconds < end {}
          count.wrappingAdd(1, ordering: .relaxed)
        }
      }
      ended()
      return count.load(ordering: .relaxed)
    }
    #expect(total == rounds)
    pool.close()
  }

  private static var threadSeconds: Double {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
  }
}
