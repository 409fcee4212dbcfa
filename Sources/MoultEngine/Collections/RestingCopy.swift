import Synchronization

/// What a generation makes of its files in memory, such as its codes in the order of scans: at first use, and given
/// back while the generation does not answer.
final class RestingCopy<Copy: Sendable>: Sendable {
  private enum State {
    case notMade
    /// `nil`: there is no such form of it.
    case made(Copy?)
    /// Of a generation that does not answer: a search that began before it was retired does without.
    case resting
  }
  private struct Known {
    var copy: Copy?
  }
  private let state = Mutex(State.notMade)
  /// Held by the search that makes it, never by a job: see `value`.
  private let making = Mutex(())

  /// Makes it on the first call; other searches wait that long.
  ///
  /// A job's thread gives way to all others, so that searches could wait for it without end. It makes a copy of its
  /// own, which is kept if it is there first.
  func value(_ make: () -> Copy?) -> Copy? {
    if let known { return known.copy }
    if ComputePool.isOnYieldingThread { return keep(make()) }
    return making.withLock { _ in
      if let known { return known.copy }
      return keep(make())
    }
  }

  /// What to search with, if that is settled.
  private var known: Known? {
    state.withLock { state in
      switch state {
      case .notMade: nil
      case .made(let made): Known(copy: made)
      case .resting: Known(copy: nil)
      }
    }
  }

  private func keep(_ new: Copy?) -> Copy? {
    state.withLock { state in
      switch state {
      case .notMade:
        state = .made(new)
        return new
      case .made(let made): return made
      case .resting: return nil
      }
    }
  }

  /// Gives the memory back once the last search that reads it is done, until `wake`.
  func release() {
    state.withLock { $0 = .resting }
  }

  /// Lets the next search make it.
  func wake() {
    state.withLock { if case .resting = $0 { $0 = .notMade } }
  }
}
