internal import Synchronization

/// The best hits so far of a group of queries, shared by the threads that scan different parts.
///
/// A part begins with the scores that others have already reached. That saves work and changes no result:
/// whatever is left out lies below `k` rows that are known.
final class ExactBoard: Sendable {
  private let state: Mutex<State>

  private struct State {
    var best: [ExactTop]
    var report = ExactReport()
    var isLoose: [Bool]
  }

  init(queryCount: Int, k: Int) {
    state = Mutex(
      State(
        best: Array(repeating: ExactTop(k), count: queryCount),
        isLoose: Array(repeating: false, count: queryCount)))
  }

  /// Per query the score below which nothing can enter; −∞ while fewer than `k` are known.
  func thresholds() -> [Double] {
    state.withLock { $0.best.map(\.threshold) }
  }

  /// Adds the hits of a part, and the queries that were loose in it.
  func add(_ found: [ExactTop], loose: [Int] = [], _ report: ExactReport) {
    state.withLock { state in
      for query in loose { state.isLoose[query] = true }
      for (query, top) in found.enumerated() { state.best[query].merge(top) }
      state.report.add(report)
    }
  }

  func results() -> (hits: [[GlobalNeighbor]], report: ExactReport) {
    state.withLock { state in
      var report = state.report
      report.looseQueries = state.isLoose.count { $0 }
      return (state.best.map { $0.neighbors() }, report)
    }
  }
}
