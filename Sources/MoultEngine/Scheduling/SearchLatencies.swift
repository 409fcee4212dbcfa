import Synchronization

/// How long searches take, those beside a job apart from the others: what a job's limit of p99 is held against.
final class SearchLatencies: Sendable {
  /// Searches without a job from which on their p99 is known.
  static let idleCountMin = 1_000
  /// Searches beside a job that are looked at together: with fewer one slow search would be a whole per cent.
  static let windowCount = 200
  /// Searches that the idle p99 rests on at most; older ones fade.
  private static let idleCountMax = 32_768

  private struct State {
    var idle = LatencyHistogram()
    var beside = LatencyHistogram()
    /// Of the window that was taken last.
    var lastChange: Double?

    var isTelling: Bool {
      idle.total >= SearchLatencies.idleCountMin && beside.total >= SearchLatencies.windowCount
    }

    var change: Double { beside.quantile(0.99) / idle.quantile(0.99) - 1 }
  }
  private let state = Mutex(State())

  /// A search that finds another one here passes by: none waits.
  func record(_ seconds: Double, besideJob: Bool) {
    _ = state.withLockIfAvailable { state in
      if besideJob {
        state.beside.add(seconds)
      } else {
        state.idle.add(seconds)
        if state.idle.total >= Self.idleCountMax { state.idle.halve() }
      }
    }
  }

  /// Forgets the searches beside earlier jobs.
  func beginJob() {
    state.withLock { state in
      state.beside.removeAll()
      state.lastChange = nil
    }
  }

  /// The p99 beside the job as a share above the idle one; `nil` while there are too few of either.
  var p99Change: Double? { state.withLock { $0.isTelling ? $0.change : $0.lastChange } }

  /// How many of the searches since the last call took longer than `1 + rise` times the idle p99.
  ///
  /// - Returns: `nil` while there are too few of either.
  func takeWindow(rise: Double) -> (slow: Int, count: Int)? {
    state.withLock { state in
      guard state.isTelling else { return nil }
      state.lastChange = state.change
      let window = (
        slow: state.beside.count(above: (1 + rise) * state.idle.quantile(0.99)), count: state.beside.total
      )
      state.beside.removeAll()
      return window
    }
  }
}
