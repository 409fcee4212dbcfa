import MoultServer
import MoultServerTesting
import MoultTesting
import Synchronization
import Testing

@Suite("Milvus REST: swaps under load")
struct AliasSwapTests {
  private final class Progress: Sendable {
    /// The generation that was live when the last swap had been answered.
    let generation = Mutex<Int64>(0)
    let isDone = Atomic<Bool>(false)
  }

  /// What readers saw.
  private struct Outcome {
    var reads = 0
    var failed = 0
    var stale = 0
    var mixed = 0
    /// When each read began and how long it took, in seconds.
    var times: [(begun: Double, seconds: Double)] = []
    /// The answers to requests for a swap: from when to when.
    var swaps: [ClosedRange<Double>] = []

    static func + (a: Outcome, b: Outcome) -> Outcome {
      Outcome(
        reads: a.reads + b.reads, failed: a.failed + b.failed, stale: a.stale + b.stale,
        mixed: a.mixed + b.mixed, times: a.times + b.times, swaps: a.swaps + b.swaps)
    }

    static func percentile(_ share: Double, of seconds: [Double]) -> Double {
      let sorted = seconds.sorted()
      return sorted.isEmpty ? 0 : sorted[min(sorted.count - 1, Int(share * Double(sorted.count)))]
    }

    /// What each swap cost the read that it held up longest: its time beyond the median of all reads.
    var stalls: [Double] {
      let median = Self.percentile(0.5, of: times.map(\.seconds))
      let times = times.sorted { $0.begun < $1.begun }
      let longest = times.map(\.seconds).max() ?? 0
      var first = 0
      return swaps.sorted { $0.lowerBound < $1.lowerBound }.map { swap in
        while first < times.count, times[first].begun < swap.lowerBound - longest { first += 1 }
        let beside = times[first...].prefix { $0.begun <= swap.upperBound }
          .filter { $0.begun + $0.seconds >= swap.lowerBound }
        return max(0, (beside.map(\.seconds).max() ?? median) - median)
      }
    }
  }

  @Test("R3: no search through an alias fails, mixes collections or is answered by one that was left before")
  func swaps() async throws {
    let count = Scale.count(200, soak: 5_000)
    let outcome = try await swap(count)
    #expect(outcome.reads > count && outcome.failed == 0 && outcome.stale == 0 && outcome.mixed == 0)
    let stall = Outcome.percentile(0.99, of: outcome.stalls)
    #expect(outcome.swaps.count == count && stall < (Scale.judgesTimes ? 0.02 : 20))
    func milliseconds(_ seconds: Double) -> Double { (seconds * 1e4).rounded() / 10 }
    Figures.note(
      "R3", "swaps", count, "reads", outcome.reads, "failed", outcome.failed, "stale", outcome.stale, "mixed",
      outcome.mixed, "read p99 ms", milliseconds(Outcome.percentile(0.99, of: outcome.times.map(\.seconds))),
      "stall p99 ms", milliseconds(stall))
  }

  @Test("control: answers kept for a moment in front of the server are found stale", .tags(.control))
  func control() async throws {
    #expect(try await swap(20, cached: true).stale > 0)
  }

  /// The broken twin: a proxy that gives the same answer to five questions.
  private actor Cache {
    private var kept: (answer: ServerHarness.Answer, left: Int)?
    func answer(_ ask: () async throws -> ServerHarness.Answer) async throws -> ServerHarness.Answer {
      if let known = kept, known.left > 0 {
        kept = (known.answer, known.left - 1)
        // As long as a swap takes, so that readers do not run through it all at once.
        try await Task.sleep(for: .milliseconds(2))
        return known.answer
      }
      let fresh = try await ask()
      kept = (fresh, 50)
      return fresh
    }
  }

  private static func seconds(_ duration: Duration) -> Double {
    Double(duration.components.seconds) + Double(duration.components.attoseconds) * 1e-18
  }

  /// Two collections whose keys have different names, so that an answer mixed of both shows. The one the alias
  /// has left is dropped and made anew each time.
  private func swap(_ swaps: Int, cached: Bool = false) async throws -> Outcome {
    try await withMilvus { server in
      func make(_ name: String, key: String) async throws {
        try await server.makeCollection(name, #","primaryFieldName":"\#(key)""#)
        try await server.success(
          "entities/insert", #"{"collectionName":"\#(name)","data":[{"\#(key)":1,"vector":[1,2]}]}"#)
      }
      try await make("odd", key: "odd_key")
      try await make("even", key: "even_key")
      try await server.success("aliases/create", #"{"collectionName":"even","aliasName":"current"}"#)
      let progress = Progress()
      let clock = ContinuousClock()
      let origin = clock.now
      let cache = cached ? Cache() : nil

      return try await withThrowingTaskGroup(of: Outcome.self) { group in
        for _ in 0..<3 {
          group.addTask {
            var outcome = Outcome()
            func ask() async throws -> ServerHarness.Answer {
              try await server.milvus(
                "entities/search", #"{"collectionName":"current","data":[[1,2]],"limit":1}"#)
            }
            while !progress.isDone.load(ordering: .relaxed) {
              let oldest = progress.generation.withLock { $0 }
              let start = clock.now
              let answer: ServerHarness.Answer
              if let cache { answer = try await cache.answer(ask) } else { answer = try await ask() }
              outcome.times.append((Self.seconds(start - origin), Self.seconds(clock.now - start)))
              outcome.reads += 1
              guard let collection = answer.header("moult-collection"),
                let generation = answer.header("moult-generation").flatMap({ Int64($0) })
              else {
                outcome.failed += 1
                continue
              }
              if generation < oldest { outcome.stale += 1 }
              if try answer.json["data"]?.array?.first?["\(collection)_key"] != .int(1) { outcome.mixed += 1 }
            }
            return outcome
          }
        }
        var outcome = Outcome()
        for swap in 1...swaps {
          let (next, last) = swap % 2 == 1 ? ("odd", "even") : ("even", "odd")
          let asked = Self.seconds(clock.now - origin)
          try await server.success("aliases/alter", #"{"collectionName":"\#(next)","aliasName":"current"}"#)
          outcome.swaps.append(asked...Self.seconds(clock.now - origin))
          let live = try await server.milvus("collections/get_stats", #"{"collectionName":"current"}"#)
          progress.generation.withLock { $0 = live.header("moult-generation").flatMap { Int64($0) } ?? 0 }
          try await server.success("collections/drop", #"{"collectionName":"\#(last)"}"#)
          try await make(last, key: "\(last)_key")
        }
        progress.isDone.store(true, ordering: .relaxed)
        for try await part in group { outcome = outcome + part }
        return outcome
      }
    }
  }
}
