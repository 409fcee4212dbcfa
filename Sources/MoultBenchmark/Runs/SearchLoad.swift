internal import MoultEngine
internal import MoultModel
internal import Synchronization

/// Clients in this process that search one query after the other until they are told to stop.
///
/// An answer is stale when it comes from an older generation than one that had answered before its request began.
struct SearchLoad: Sendable {
  struct Outcome: Sendable {
    /// Of every request, ascending.
    var seconds: [Double] = []
    var failed = 0
    var stale = 0

    var p50Milliseconds: Double { quantile(50) }
    var p99Milliseconds: Double { quantile(99) }
    var maxMilliseconds: Double { (seconds.last ?? 0) * 1000 }

    private func quantile(_ percent: Int) -> Double {
      seconds.isEmpty ? 0 : seconds[min(seconds.count - 1, seconds.count * percent / 100)] * 1000
    }
  }

  /// What the clients share.
  private final class State: Sendable {
    let stop = Atomic<Bool>(false)
    let newest = Atomic<Int64>(0)
    let outcome = Mutex(Outcome())
  }

  let engine: Engine
  let collection: String
  let data: BenchmarkData
  let k: Int
  let clientCount: Int

  /// Searches while `body` runs.
  func during<Value: Sendable>(
    _ body: @Sendable () async throws -> Value
  ) async throws -> (value: Value, outcome: Outcome) {
    let state = State()
    let value = try await withThrowingTaskGroup(of: Void.self) { group in
      for client in 0..<clientCount {
        group.addTask {
          var own = Outcome()
          var query = client * data.queryCount / clientCount
          while !state.stop.load(ordering: .relaxed) {
            await search(query % data.queryCount, state, into: &own)
            query += 1
          }
          state.outcome.withLock { [own] all in
            all.seconds += own.seconds
            all.failed += own.failed
            all.stale += own.stale
          }
        }
      }
      defer { state.stop.store(true, ordering: .relaxed) }
      return try await body()
    }
    var outcome = state.outcome.withLock { $0 }
    outcome.seconds.sort()
    return (value, outcome)
  }

  private func search(_ query: Int, _ state: State, into outcome: inout Outcome) async {
    let request = SearchRequest(
      queries: Array(data.queries[query * data.dimension..<(query + 1) * data.dimension]),
      dimension: data.dimension, limit: k)
    let known = state.newest.load(ordering: .acquiring)
    let clock = ContinuousClock()
    let start = clock.now
    do {
      let response = try await engine.search(request, in: collection)
      outcome.seconds.append(Stopwatch.seconds(from: start, to: clock.now))
      if response.servedBy.generation < known { outcome.stale += 1 }
      state.newest.max(response.servedBy.generation, ordering: .acquiringAndReleasing)
    } catch {
      outcome.failed += 1
    }
  }
}
