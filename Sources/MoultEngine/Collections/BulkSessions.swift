import Synchronization

/// Collections that much is being written to: their indexes and merges wait until that has ended, so that no segment is
/// indexed that a merge takes away again, and writers have the processors.
///
/// Sessions end by themselves, and with the process: nobody can forget to begin indexing again. Until then new segments are
/// scanned, so answers are as right as ever, and slower.
final class BulkSessions: Sendable {
  private struct Session {
    var number: Int
    /// Ends it.
    var timer: Task<Void, Never>
  }

  private struct State {
    var sessions: [Int64: Session] = [:]
    var lastNumber = 0
  }

  private let state = Mutex(State())

  func holds(_ collection: Int64) -> Bool { state.withLock { $0.sessions[collection] != nil } }

  /// In place of one that there is.
  ///
  /// - Parameter over: called when the time has run out, and not when the session is ended or replaced before.
  func begin(_ collection: Int64, seconds: Double, over: @escaping @Sendable () async -> Void) {
    state.withLock { state in
      state.lastNumber += 1
      let number = state.lastNumber
      state.sessions[collection]?.timer.cancel()
      state.sessions[collection] = Session(
        number: number,
        timer: Task { [self] in
          // What is cancelled has been replaced or ended.
          guard (try? await Task.sleep(for: .seconds(seconds))) != nil, end(collection, number) else {
            return
          }
          await over()
        })
    }
  }

  /// - Returns: whether there was one.
  @discardableResult
  func end(_ collection: Int64) -> Bool { end(collection, nil) }

  private func end(_ collection: Int64, _ number: Int?) -> Bool {
    state.withLock { state in
      guard let session = state.sessions[collection], number.map({ $0 == session.number }) ?? true else {
        return false
      }
      session.timer.cancel()
      state.sessions[collection] = nil
      return true
    }
  }

  func close() {
    state.withLock { state in
      for session in state.sessions.values { session.timer.cancel() }
      state.sessions = [:]
    }
  }
}
