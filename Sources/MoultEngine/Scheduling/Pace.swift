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
    /// The change of limits that this was reckoned after.
    var change = 0
    var governor = PaceGovernor()
    /// When the governor looked last.
    var lookedAt = -Double.infinity
  }

  /// The limits, readable without a lock: the job's threads give way to others, and whoever changes a limit must not
  /// wait for them. Bit patterns of doubles; 0 for no limit.
  private let rowsPerSecond = Atomic<UInt64>(0)
  private let maximumP99Rise = Atomic<UInt64>(0)
  private let memory = Atomic<Int>(0)
  /// Rises with each change of limits, which ends every wait.
  private let changes = Atomic<Int>(0)
  private let latencies: SearchLatencies
  private let clock: any PaceClock
  private let isStopped: @Sendable () -> Bool
  private let state = Mutex(State())

  init(
    _ limits: JobLimits, latencies: SearchLatencies, clock: any PaceClock = SystemPaceClock(),
    isStopped: @escaping @Sendable () -> Bool
  ) {
    self.latencies = latencies
    self.clock = clock
    self.isStopped = isStopped
    latencies.beginJob()
    set(limits)
  }

  /// Changes the limits; who waits for the earlier ones goes on at once.
  func set(_ limits: JobLimits) {
    rowsPerSecond.store((limits.rowsPerSecond ?? 0).bitPattern, ordering: .relaxed)
    maximumP99Rise.store((limits.maximumP99Rise ?? 0).bitPattern, ordering: .relaxed)
    memory.store(limits.memoryBytes ?? 0, ordering: .relaxed)
    changes.add(1, ordering: .releasing)
  }

  private static func limit(_ bits: borrowing Atomic<UInt64>) -> Double? {
    let limit = Double(bitPattern: bits.load(ordering: .relaxed))
    return limit == 0 ? nil : limit
  }

  /// What the job may hold in memory; `nil` for no limit.
  var memoryBytes: Int? {
    let bytes = memory.load(ordering: .relaxed)
    return bytes == 0 ? nil : bytes
  }

  /// Waits until `count` more rows may be begun: never more than `rowsPerSecond` times the time gone by, and the rows
  /// of one call. Time in which nothing was asked for is not made up for.
  func begin(rows count: Int) {
    let change = changes.load(ordering: .acquiring)
    guard let rate = Self.limit(rowsPerSecond) else { return }
    let now = clock.now
    let due = state.withLock { state in
      if state.change != change {
        state.change = change
        state.rowsDueAt = now
      }
      let due = max(now, state.rowsDueAt)
      state.rowsDueAt = due + Double(count) / rate
      return due
    }
    wait(until: due, under: change)
  }

  /// The same loop with rests between its rounds while searches suffer. What its device does goes on meanwhile: it
  /// takes one or two threads that copy, and memory bandwidth.
  func paced(_ parallel: ParallelFor) -> ParallelFor {
    ParallelFor(device: parallel.device) { [self] count, body in
      parallel.run(count) { round in
        let change = changes.load(ordering: .acquiring)
        guard let rise = Self.limit(maximumP99Rise) else { return body(round) }
        let start = clock.now
        body(round)
        let end = clock.now
        wait(
          until: end + min(Self.restSecondsMax, (end - start) * restPerWork(rise, now: end)), under: change)
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

  private func wait(until due: Double, under change: Int) {
    while !isStopped(), changes.load(ordering: .relaxed) == change {
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
