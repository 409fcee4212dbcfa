import Dispatch
import Synchronization

/// One parallel loop: rounds are handed out by a counter; helpers that come too late find it closed.
final class SharedLoop: Sendable {
  private struct State {
    /// Dropped when the loop closes: the closure must not outlive the call of `parallelFor`.
    var body: (@Sendable (Int) -> Void)?
    var activeHelpers = 0
  }

  private let count: Int
  private let next = Atomic<Int>(0)
  private let state: Mutex<State>
  /// Signalled once, after the loop was closed while helpers were at work.
  private let helpersFinished = DispatchSemaphore(value: 0)
  /// Signalled when the helpers have ended all rounds, or left some to others; perhaps more than once.
  private let helpersLeft = DispatchSemaphore(value: 0)

  init(count: Int, body: @escaping @Sendable (Int) -> Void) {
    self.count = count
    state = Mutex(State(body: body))
  }

  /// Takes rounds until there are no more, or `mayGoOn` says no; what is left is left to whoever leads the loop.
  func help(while mayGoOn: () -> Bool = { true }) {
    guard takeRounds(asHelper: true, while: mayGoOn) else { return }
    let (wasLast, isOpen) = state.withLock { state in
      state.activeHelpers -= 1
      return (state.activeHelpers == 0, state.body != nil)
    }
    guard isOpen else {
      if wasLast { helpersFinished.signal() }
      return
    }
    if wasLast || hasRoundsLeft { helpersLeft.signal() }
  }

  /// Waits for helpers, doing nothing oneself.
  ///
  /// - Returns: whether they have ended all rounds, or left some to others; `false` when the time ran out.
  func waitForHelpers(seconds: Double) -> Bool {
    helpersLeft.wait(timeout: .now() + seconds) == .success
  }

  /// Takes part until there are no more rounds, closes the loop and waits for what helpers are still at.
  func lead() {
    _ = takeRounds(asHelper: false) { true }
    let mustWait = state.withLock { state in
      state.body = nil
      return state.activeHelpers > 0
    }
    if mustWait { helpersFinished.wait() }
  }

  var hasRoundsLeft: Bool { next.load(ordering: .relaxed) < count }

  /// A function of its own, so that its reference to the closure is gone when it returns.
  @inline(never)
  private func takeRounds(asHelper: Bool, while mayGoOn: () -> Bool) -> Bool {
    let body: (@Sendable (Int) -> Void)? = state.withLock { state in
      if asHelper, state.body != nil { state.activeHelpers += 1 }
      return state.body
    }
    guard let body else { return false }
    while mayGoOn() {
      let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
      guard index < count else { break }
      body(index)
    }
    return true
  }
}
