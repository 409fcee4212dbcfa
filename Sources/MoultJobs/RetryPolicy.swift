/// How long a job waits before its next attempt: exponential, capped, with jitter.
///
/// After attempt *n* the wait is `min(delayMax, delayFirst · 2ⁿ⁻¹)`, shortened by a random part of up to
/// `jitter`, so that jobs that failed together do not come back together. The random part is a hash of seed,
/// job and attempt: the same policy gives the same waits, and nothing has to be stored.
package struct RetryPolicy: Sendable, Hashable {
  package var delayFirstMilliseconds: Int64
  package var delayMaxMilliseconds: Int64
  /// Largest part of the wait that chance may take away, 0 … 1.
  package var jitter: Double
  package var seed: UInt64

  package init(
    delayFirstMilliseconds: Int64 = 1_000, delayMaxMilliseconds: Int64 = 300_000, jitter: Double = 0.5,
    seed: UInt64 = 0
  ) {
    precondition(delayFirstMilliseconds >= 0 && delayMaxMilliseconds >= delayFirstMilliseconds)
    precondition((0...1).contains(jitter))
    self.delayFirstMilliseconds = delayFirstMilliseconds
    self.delayMaxMilliseconds = delayMaxMilliseconds
    self.jitter = jitter
    self.seed = seed
  }

  /// The wait after attempt `attempt` (from 1) of job `jobID` has failed.
  package func delayMilliseconds(afterAttempt attempt: Int, jobID: Int64) -> Int64 {
    // 2^40 times anything above a millisecond is beyond every sensible cap; the clamp keeps it from overflowing.
    let doublings = min(max(attempt, 1) - 1, 40)
    let (grown, overflow) = delayFirstMilliseconds.multipliedReportingOverflow(by: 1 << doublings)
    let delay = overflow ? delayMaxMilliseconds : min(grown, delayMaxMilliseconds)
    let mixed = Self.mix(Self.mix(seed &+ UInt64(bitPattern: jobID)) &+ UInt64(bitPattern: Int64(attempt)))
    let chance = Double(mixed >> 11) * 0x1p-53
    return delay - Int64(Double(delay) * jitter * chance)
  }

  /// The finalizer of SplitMix64 (Steele, Lea, Flood 2014).
  private static func mix(_ value: UInt64) -> UInt64 {
    var mixed = value &+ 0x9E37_79B9_7F4A_7C15
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}
