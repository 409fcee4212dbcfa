/// A first-come, first-served lock that may be held across suspension points.
///
/// Writers of a collection and changes of names go through one each. Nothing that a search needs is behind it.
actor SerialGate {
  private var isHeld = false
  private var waiters: [CheckedContinuation<Void, Never>] = []

  /// Runs `body` alone. Waiting does not end early when the task is cancelled; `body` decides about that.
  nonisolated func run<Result: Sendable>(
    _ body: @Sendable () async throws -> Result
  ) async rethrows -> Result {
    await acquire()
    do {
      let result = try await body()
      await release()
      return result
    } catch {
      await release()
      throw error
    }
  }

  private func acquire() async {
    guard isHeld else {
      isHeld = true
      return
    }
    // The lock is handed over by `release`, so nobody can slip in between.
    await withCheckedContinuation { waiters.append($0) }
  }

  private func release() {
    if waiters.isEmpty {
      isHeld = false
    } else {
      waiters.removeFirst().resume()
    }
  }
}
