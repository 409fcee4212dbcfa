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
  private let state = Mutex(State.notMade)

  /// Makes it on the first call; other searches wait that long.
  func value(_ make: () -> Copy?) -> Copy? {
    state.withLock { state in
      switch state {
      case .made(let made): return made
      case .resting: return nil
      case .notMade: break
      }
      let made = make()
      state = .made(made)
      return made
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
