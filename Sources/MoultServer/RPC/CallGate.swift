internal import Synchronization

/// Lets a number of calls in; others wait in the order in which they came.
final class CallGate: Sendable {
  private struct State {
    var free: Int
    var waiting: [CheckedContinuation<Void, Never>] = []
    /// Those before it were let in: popping from the front one by one would move all others.
    var next = 0
  }

  private let state: Mutex<State>

  init(limit: Int) { state = Mutex(State(free: limit)) }

  /// - Throws: what `body` throws; `CancellationError` when the task was cancelled while it waited.
  func run<Value: Sendable>(_ body: () async throws -> Value) async throws -> Value {
    await enter()
    defer { leave() }
    try Task.checkCancellation()
    return try await body()
  }

  private func enter() async {
    await withCheckedContinuation { continuation in
      let isFree = state.withLock { state in
        guard state.free > 0 else {
          state.waiting.append(continuation)
          return false
        }
        state.free -= 1
        return true
      }
      if isFree { continuation.resume() }
    }
  }

  private func leave() {
    let next = state.withLock { state -> CheckedContinuation<Void, Never>? in
      guard state.next < state.waiting.count else {
        state.free += 1
        return nil
      }
      let next = state.waiting[state.next]
      state.next += 1
      if state.next == state.waiting.count {
        state.waiting = []
        state.next = 0
      }
      return next
    }
    next?.resume()
  }
}
