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
    var seconds: [Double] = []

    static func + (a: Outcome, b: Outcome) -> Outcome {
      Outcome(
        reads: a.reads + b.reads, failed: a.failed + b.failed, stale: a.stale + b.stale,
        mixed: a.mixed + b.mixed, seconds: a.seconds + b.seconds)
    }

    func percentile(_ share: Double) -> Double {
      let sorted = seconds.sorted()
      return sorted.isEmpty ? 0 : sorted[min(sorted.count - 1, Int(share * Double(sorted.count)))]
    }
  }

  @Test("R3: no search through an alias fails, mixes collections or is answered by one that was left before")
  func swaps() async throws {
    let count = Scale.count(200, soak: 5_000)
    let outcome = try await swap(count)
    #expect(outcome.reads > count && outcome.failed == 0 && outcome.stale == 0 && outcome.mixed == 0)
    Figures.note(
      "R3", "swaps", count, "reads", outcome.reads, "failed", outcome.failed, "stale", outcome.stale, "mixed",
      outcome.mixed, "read p99 ms", (outcome.percentile(0.99) * 1e4).rounded() / 10)
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
      let cache = cached ? Cache() : nil

      return try await withThrowingTaskGroup(of: Outcome.self) { group in
        for _ in 0..<3 {
          group.addTask {
            var outcome = Outcome()
            let clock = ContinuousClock()
            func ask() async throws -> ServerHarness.Answer {
              try await server.milvus(
                "entities/search", #"{"collectionName":"current","data":[[1,2]],"limit":1}"#)
            }
            while !progress.isDone.load(ordering: .relaxed) {
              let oldest = progress.generation.withLock { $0 }
              let start = clock.now
              let answer: ServerHarness.Answer
              if let cache { answer = try await cache.answer(ask) } else { answer = try await ask() }
              let taken = (clock.now - start).components
              outcome.seconds.append(Double(taken.seconds) + Double(taken.attoseconds) * 1e-18)
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
        for swap in 1...swaps {
          let (next, last) = swap % 2 == 1 ? ("odd", "even") : ("even", "odd")
          try await server.success("aliases/alter", #"{"collectionName":"\#(next)","aliasName":"current"}"#)
          let live = try await server.milvus("collections/get_stats", #"{"collectionName":"current"}"#)
          progress.generation.withLock { $0 = live.header("moult-generation").flatMap { Int64($0) } ?? 0 }
          try await server.success("collections/drop", #"{"collectionName":"\#(last)"}"#)
          try await make(last, key: "\(last)_key")
        }
        progress.isDone.store(true, ordering: .relaxed)
        var outcome = Outcome()
        for try await part in group { outcome = outcome + part }
        return outcome
      }
    }
  }
}
