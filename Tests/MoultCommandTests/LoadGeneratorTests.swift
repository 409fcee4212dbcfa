import MoultModel
import Synchronization
import Testing

@testable import MoultCommand

@Suite("LoadGenerator")
struct LoadGeneratorTests {
  private let first = ServedBy(collection: "a", generation: 1)
  private let second = ServedBy(collection: "a", generation: 2)

  /// A server in memory whose mistakes are planted.
  private final class PlantedServer: Sendable {
    struct State {
      var current: ServedBy
      var requests = 0
      var stalePlanted = 0
      var shortPlanted = 0
      var failedPlanted = 0
    }

    let state: Mutex<State>

    init(current: ServedBy) {
      state = Mutex(State(current: current))
    }

    /// Every 10th answer is short, every 13th fails, and after the change every 7th is stale.
    func answer(old: ServedBy, limit: Int, plants: Bool) throws -> LoadGenerator.Answer {
      try state.withLock { state in
        state.requests += 1
        guard plants else { return .init(hitCount: limit, servedBy: state.current) }
        if state.requests % 13 == 0 {
          state.failedPlanted += 1
          throw CommandFailure(.failure, "planted")
        }
        if state.requests % 10 == 0 {
          state.shortPlanted += 1
          return .init(hitCount: limit - 1, servedBy: state.current)
        }
        if state.requests % 7 == 0 && state.current != old {
          state.stalePlanted += 1
          return .init(hitCount: limit, servedBy: old)
        }
        return .init(hitCount: limit, servedBy: state.current)
      }
    }
  }

  @Test("counts every planted failure, short answer and stale answer, and nothing else")
  func planted() async throws {
    let server = PlantedServer(current: first)
    let checker = StalenessChecker(current: first)
    let load = LoadGenerator(queryCount: 5, limit: 10, checker: checker) { [first] _ in
      try server.answer(old: first, limit: 10, plants: true)
    }
    let clock = ContinuousClock()
    let start = clock.now
    // One client, so that no request is under way when the change is acknowledged.
    load.start(clientCount: 1)
    try await waitUntil { server.state.withLock { $0.requests } > 20 }
    let change = checker.announce(second)
    server.state.withLock { $0.current = second }
    checker.acknowledge(change, as: second)
    try await waitUntil { server.state.withLock { $0.stalePlanted } > 3 }
    await load.stop()
    let window = load.window(from: start, to: clock.now)
    let state = server.state.withLock { $0 }
    #expect(window.failed == state.failedPlanted + state.shortPlanted)
    // The request that was under way during the acknowledgement may rightly have the old answer.
    #expect((state.stalePlanted - 1...state.stalePlanted).contains(window.stale))
    #expect(window.requests == state.requests)
    #expect(!window.examples.isEmpty)
  }

  @Test("a server without fault has none, whatever the number of clients")
  func faultless() async throws {
    let server = PlantedServer(current: first)
    let checker = StalenessChecker(current: first)
    let load = LoadGenerator(queryCount: 5, limit: 10, checker: checker) { [first] _ in
      await Task.yield()
      return try server.answer(old: first, limit: 10, plants: false)
    }
    let clock = ContinuousClock()
    let start = clock.now
    load.start(clientCount: 4)
    for round in 0..<50 {
      let next = round % 2 == 0 ? second : first
      let change = checker.announce(next)
      server.state.withLock { $0.current = next }
      checker.acknowledge(change, as: next)
      await Task.yield()
    }
    try await waitUntil { server.state.withLock { $0.requests } > 200 }
    await load.stop()
    let window = load.window(from: start, to: clock.now)
    #expect(window.failed == 0)
    #expect(window.stale == 0)
    #expect(window.requests == server.state.withLock { $0.requests })
  }

  @Test("percentiles are by nearest rank")
  func percentiles() {
    let summary = LatencySummary(seconds: (1...200).map { Double($0) }.shuffled())
    #expect(summary.p50Seconds == 100)
    #expect(summary.p99Seconds == 198)
    #expect(summary.maxSeconds == 200)
    #expect(LatencySummary(seconds: []).p99Seconds == 0)
    #expect(LatencySummary(seconds: [3]).p50Seconds == 3)
  }

  @Test("every fourth swap is a rollback and switches are spread among them")
  func plan() {
    let changes = ServingBenchmark.plan(swapCount: 8, switchCount: 1)
    #expect(changes.count == 9)
    #expect(changes.count { $0 == .rollback } == 2)
    #expect(changes[4] == .switchForm)
    #expect(ServingBenchmark.plan(swapCount: 0, switchCount: 2) == [.switchForm, .switchForm])
    #expect(ServingBenchmark.plan(swapCount: 0, switchCount: 0).isEmpty)
  }

  private func waitUntil(_ condition: () -> Bool) async throws {
    while !condition() { try await Task.sleep(for: .milliseconds(1)) }
  }
}
