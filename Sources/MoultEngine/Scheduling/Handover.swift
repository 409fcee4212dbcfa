import Synchronization

/// A result that is waited for until somebody gives it, or until the waiting is given up; whichever comes first.
final class Handover<Result: Sendable>: Sendable {
  private typealias Waiter = CheckedContinuation<Result, any Error>

  private enum State {
    case fresh
    case waiting(Waiter)
    case over
  }

  private let state = Mutex(State.fresh)

  var isOver: Bool {
    state.withLock { if case .over = $0 { true } else { false } }
  }

  /// - Throws: what was given; `CancellationError` when the waiting was given up, also before it began.
  func wait(_ begin: () -> Void) async throws -> Result {
    try await withCheckedThrowingContinuation { continuation in
      let isOver = state.withLock { state in
        if case .over = state { return true }
        state = .waiting(continuation)
        return false
      }
      if isOver { continuation.resume(throwing: CancellationError()) }
      begin()
    }
  }

  func give(_ result: Swift.Result<Result, any Error>) { end()?.resume(with: result) }
  func giveUp() { end()?.resume(throwing: CancellationError()) }

  private func end() -> Waiter? {
    state.withLock { state in
      defer { state = .over }
      if case .waiting(let waiter) = state { return waiter }
      return nil
    }
  }
}
