import MoultJobs
import MoultTesting
import Testing

@Suite("RetryPolicy")
struct RetryPolicyTests {
  @Test("without jitter the wait doubles up to its cap")
  func doubling() {
    let policy = RetryPolicy(delayFirstMilliseconds: 1_000, delayMaxMilliseconds: 10_000, jitter: 0)
    let waits = (1...6).map { policy.delayMilliseconds(afterAttempt: $0, jobID: 1) }
    #expect(waits == [1_000, 2_000, 4_000, 8_000, 10_000, 10_000])
  }

  @Test("jitter only shortens, by no more than its share, at any attempt", arguments: UInt64(0)..<20)
  func bounds(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let first = Int64.random(in: 0...5_000, using: &random)
    let jitter = random.unit()
    var policy = RetryPolicy(
      delayFirstMilliseconds: first, delayMaxMilliseconds: first + 100_000, jitter: jitter, seed: seed)
    var plain = policy
    plain.jitter = 0
    for attempt in [1, 2, 3, 10, 40, 41, 42, 63, 64, 65, 1_000, .max] {
      for job in [Int64.min, -1, 0, 1, 77, .max] {
        let full = plain.delayMilliseconds(afterAttempt: attempt, jobID: job)
        let wait = policy.delayMilliseconds(afterAttempt: attempt, jobID: job)
        #expect(wait <= full && Double(wait) >= Double(full) * (1 - jitter) - 1, "seed \(seed)")
        #expect(full <= policy.delayMaxMilliseconds && wait >= 0, "seed \(seed)")
      }
    }
    policy.jitter = 0
    #expect(policy == plain)
  }

  @Test("the same seed gives the same wait; jobs and attempts differ")
  func determinism() {
    let policy = RetryPolicy(
      delayFirstMilliseconds: 1_000_000, delayMaxMilliseconds: 1_000_000, jitter: 1, seed: 3)
    var waits: Set<Int64> = []
    for job in 1...30 {
      for attempt in 1...10 {
        let wait = policy.delayMilliseconds(afterAttempt: attempt, jobID: Int64(job))
        #expect(wait == policy.delayMilliseconds(afterAttempt: attempt, jobID: Int64(job)))
        waits.insert(wait)
      }
    }
    #expect(waits.count > 290, "300 draws from a million values hardly ever meet")
    let mean = Double(waits.reduce(0, +)) / Double(waits.count)
    #expect((400_000...600_000).contains(mean), "uniform, so the mean lies near the middle: \(mean)")
  }
}
