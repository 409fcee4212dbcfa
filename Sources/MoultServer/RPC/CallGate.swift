internal import MoultModel
internal import Synchronization

/// Lets a number of calls in; a number of others wait in the order in which they came, the rest is refused.
final class CallGate: Sendable {
  private typealias Waiter = CheckedContinuation<Void, any Error>

  private struct State {
    var free: Int
    /// By their numbers; those that were let in or gave up are gone.
    var waiting: [Int: Waiter] = [:]
    /// No number before it waits.
    var first = 0
    /// The number of whoever comes next.
    var next = 0
  }

  private let state: Mutex<State>

  private let waitingMax: Int

  init(limit: Int, waitingMax: Int = .max) {
    state = Mutex(State(free: limit))
    self.waitingMax = waitingMax
  }

  var waitingCount: Int { state.withLock { $0.waiting.count } }

  /// - Throws: what `body` throws; `overloaded` when too many wait already; `CancellationError` when the task is
  ///   cancelled while it waits, at once.
  func run<Value: Sendable>(_ body: () async throws -> Value) async throws -> Value {
    try await enter()
    defer { leave() }
    try Task.checkCancellation()
    return try await body()
  }

  private func enter() async throws {
    let number = state.withLock { state -> Int in
      state.next += 1
      return state.next - 1
    }
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { (continuation: Waiter) in
        let outcome = state.withLock { state -> Result<Void, any Error>? in
          // A handler that ran before now found nobody to remove.
          if Task.isCancelled { return .failure(CancellationError()) }
          if state.free > 0 {
            state.free -= 1
            return .success(())
          }
          guard state.waiting.count < waitingMax else { return .failure(overload) }
          state.waiting[number] = continuation
          // A place may have been given to a later one since the number was taken.
          state.first = min(state.first, number)
          return nil
        }
        if let outcome { continuation.resume(with: outcome) }
      }
    } onCancel: {
      // Whoever removes a waiter resumes it: nobody else does.
      let waiter = state.withLock { state -> Waiter? in state.waiting.removeValue(forKey: number) }
      waiter?.resume(throwing: CancellationError())
    }
  }

  private var overload: MoultError {
    MoultError(
      .overloaded,
      "\(waitingMax) calls wait already, as many as the server was set up for; try again in a moment")
  }

  private func leave() {
    let waiter = state.withLock { state -> Waiter? in
      while state.first < state.next {
        let number = state.first
        state.first += 1
        if let waiter = state.waiting.removeValue(forKey: number) { return waiter }
      }
      state.free += 1
      return nil
    }
    waiter?.resume()
  }
}
