internal import MoultModel
internal import Synchronization

/// Clients that search without a pause, each over a connection of its own, and check every answer.
final class LoadGenerator: Sendable {
  /// One search and what came of it.
  private struct Sample {
    var beganAt: ContinuousClock.Instant
    var seconds: Double
    var failed: Bool
    var stale: Bool
  }

  private struct Records {
    var samples: [Sample] = []
    var examples: [(at: ContinuousClock.Instant, text: String)] = []
  }

  private static let examplesMax = 5

  /// What came of one search.
  struct Answer: Sendable {
    var hitCount: Int
    var servedBy: ServedBy
  }

  let checker: StalenessChecker
  private let queryCount: Int
  private let limit: Int
  private let search: @Sendable (_ query: Int) async throws -> Answer
  private let clock = ContinuousClock()
  private let records = Mutex(Records())
  private let tasks = Mutex<[Task<Void, Never>]>([])

  /// - Parameters:
  ///   - limit: hits that every answer must have.
  ///   - search: asks for the neighbours of one of `queryCount` queries.
  init(
    queryCount: Int, limit: Int, checker: StalenessChecker,
    search: @escaping @Sendable (_ query: Int) async throws -> Answer
  ) {
    self.queryCount = queryCount
    self.limit = limit
    self.checker = checker
    self.search = search
  }

  /// - Parameter target: the alias or collection that is searched.
  convenience init(
    client: AdminClient, target: String, queries: QuerySet, limit: Int, checker: StalenessChecker
  ) {
    self.init(queryCount: queries.count, limit: limit, checker: checker) { query in
      try await client.searchForCounts(
        target, query: queries.bytes(of: query), dimension: queries.dimension, limit: limit)
    }
  }

  /// Starts `clientCount` clients; each begins at another query.
  func start(clientCount: Int) {
    tasks.withLock { tasks in
      for index in 0..<clientCount {
        tasks.append(Task { await self.run(from: index * self.queryCount / max(1, clientCount)) })
      }
    }
  }

  /// Stops after the requests under way.
  func stop() async {
    let running = tasks.withLock { tasks in
      defer { tasks = [] }
      return tasks
    }
    for task in running { task.cancel() }
    for task in running { await task.value }
  }

  /// What happened to the requests that began in the given time.
  func window(from start: ContinuousClock.Instant, to end: ContinuousClock.Instant) -> LoadWindow {
    let (samples, examples) = records.withLock { records in
      (
        records.samples.filter { $0.beganAt >= start && $0.beganAt < end },
        records.examples.filter { $0.at >= start && $0.at < end }.map(\.text)
      )
    }
    return LoadWindow(
      latency: LatencySummary(seconds: samples.filter { !$0.failed }.map(\.seconds)),
      failed: samples.count(where: \.failed), stale: samples.count(where: \.stale),
      seconds: (end - start).inSeconds, examples: examples)
  }

  private func run(from first: Int) async {
    var index = first
    while !Task.isCancelled {
      await searchOnce(index % queryCount)
      index += 1
    }
  }

  private func searchOnce(_ query: Int) async {
    let ticket = checker.begin()
    let beganAt = clock.now
    var sample = Sample(beganAt: beganAt, seconds: 0, failed: false, stale: false)
    var example: String?
    do {
      // Not cancelled with the task: a request cut off by the end of the load is no failure of the server.
      let answer = try await Task { [search] in try await search(query) }.value
      sample.seconds = (clock.now - beganAt).inSeconds
      if answer.hitCount != limit {
        sample.failed = true
        example = "short answer: \(answer.hitCount) of \(limit) hits from \(answer.servedBy)"
      }
      if case .stale(let expected) = checker.end(ticket, servedBy: answer.servedBy) {
        sample.stale = true
        example = "stale answer: from \(answer.servedBy), but \(expected) was current when the request began"
      }
    } catch {
      sample.seconds = (clock.now - beganAt).inSeconds
      sample.failed = true
      example = "failed: \(CommandFailure(anything: error).message)"
    }
    let recorded = sample
    let text = example
    records.withLock { records in
      records.samples.append(recorded)
      if let text, records.examples.count < Self.examplesMax { records.examples.append((beganAt, text)) }
    }
    // A server that is gone refuses at once; do not spin.
    if recorded.failed { try? await Task.sleep(for: .milliseconds(20)) }
  }
}
