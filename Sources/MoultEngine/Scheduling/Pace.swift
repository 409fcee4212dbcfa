import MoultCompute
import MoultModel
import Synchronization

/// Holds a job to its limits: its loops ask between pieces of work, and wait here.
///
/// It blocks the thread that asks, never longer than a tenth of a second without looking whether the job is to stop.
final class Pace: Sendable {
  /// What a rest after one piece of work is at most.
  private static let restSecondsMax = 1.0
  private static let sliceSeconds = 0.1
  /// When for so long too few searches came to tell how they fare, they are taken to fare well.
  static let quietSeconds = 5.0

  private struct State {
    /// When the next rows may be begun.
    var rowsDueAt = -Double.infinity
    var governor = PaceGovernor()
    /// When the governor looked last.
    var lookedAt = -Double.infinity
  }

  private let limits: JobLimits
  private let latencies: SearchLatencies
  private let clock: any PaceClock
  private let isStopped: @Sendable () -> Bool
  private let state = Mutex(State())

  init(
    _ limits: JobLimits, latencies: SearchLatencies, clock: any PaceClock = SystemPaceClock(),
    isStopped: @escaping @Sendable () -> Bool
  ) {
    self.limits = limits
    self.latencies = latencies
    self.clock = clock
    self.isStopped = isStopped
    if limits.maximumP99Rise != nil { latencies.beginJob() }
  }

  /// Waits until `count` more rows may be begun: never more than `rowsPerSecond` times the time gone by, and the rows
  /// of one call. Time in which nothing was asked for is not made up for.
  func begin(rows count: Int) {
    guard let rate = limits.rowsPerSecond else { return }
    let now = clock.now
    let due = state.withLock { state in
      let due = max(now, state.rowsDueAt)
      state.rowsDueAt = due + Double(count) / rate
      return due
    }
    wait(until: due)
  }

  /// The same loop with rests between its rounds while searches suffer.
  func paced(_ parallel: ParallelFor) -> ParallelFor {
    guard let rise = limits.maximumP99Rise else { return parallel }
    return ParallelFor { [self] count, body in
      parallel.run(count) { round in
        let start = clock.now
        body(round)
        let end = clock.now
        wait(until: end + min(Self.restSecondsMax, (end - start) * restPerWork(rise, now: end)))
      }
    }
  }

  private func restPerWork(_ rise: Double, now: Double) -> Double {
    state.withLock { state in
      if let window = latencies.takeWindow(rise: rise) {
        state.governor.observe(slow: window.slow, of: window.count)
        state.lookedAt = now
      } else if now - state.lookedAt >= Self.quietSeconds {
        // Otherwise a job would rest for searches that have ended.
        state.governor.relax()
        state.lookedAt = now
      }
      return state.governor.restPerWork
    }
  }

  private func wait(until due: Double) {
    while !isStopped() {
      let left = due - clock.now
      guard left > 0 else { return }
      clock.sleep(min(left, Self.sliceSeconds))
    }
  }
}

/// Decides how long a job rests between pieces of work, from how searches fare beside it: twice as long when more than
/// one in a hundred was too slow, half as long when not, or when there are hardly any. So it settles around the limit,
/// and is at full speed a few looks after searches have ended, or ended to suffer.
struct PaceGovernor: Sendable {
  /// Rest at which it begins, and below which there is none.
  static let restMin = 0.25
  /// A sixteenth of the speed: a switch ends even where searches would suffer without it too.
  static let restMax = 15.0

  /// Seconds of rest for a second of work.
  private(set) var restPerWork = 0.0

  mutating func observe(slow: Int, of count: Int) {
    if slow * 100 > count {
      restPerWork = min(Self.restMax, max(Self.restMin, restPerWork * 2))
    } else {
      relax()
    }
  }

  mutating func relax() { restPerWork = restPerWork / 2 < Self.restMin ? 0 : restPerWork / 2 }
}
