import MoultServerTesting
import Synchronization
import Testing

/// What one search through the alias saw.
struct SwapSighting: Sendable {
  /// How many swaps had been made when the collection that answered was the alias' new target.
  var serial: Int
  /// Whether all of the answer is of the collection with that serial.
  var isWhole: Bool
}

/// Searches through an alias while it moves between two collections, for every protocol alike.
///
/// The point nearest to (0, 0) lies at (serial, 0), so that the distance tells the serial; the two collections' keys
/// have different names, so that an answer mixed of both shows. The one that the alias has left is dropped and made
/// anew each time.
struct SwapLoad: Sendable {
  static let alias = "current"

  /// What readers saw.
  struct Outcome {
    var reads = 0
    var failed = 0
    var stale = 0
    var mixed = 0
    /// When each read began and how long it took, in seconds.
    var times: [(begun: Double, seconds: Double)] = []
    /// The requests for a swap: from when to when.
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

  /// Searches for (0, 0) through ``alias``; `nil` when that failed.
  typealias Reader = () async throws -> SwapSighting?

  private final class Progress: Sendable {
    /// Swaps that have been answered.
    let serial = Mutex(0)
    let isDone = Atomic<Bool>(false)
  }

  static func name(_ serial: Int) -> String { serial % 2 == 1 ? "odd" : "even" }
  static func key(_ serial: Int) -> String { name(serial) + "_key" }

  /// - Parameters:
  ///   - move: points the alias to a collection.
  ///   - reader: makes what one of the readers asks with.
  static func run(
    _ swaps: Int, on server: ServerHarness, move: @escaping (_ collection: String) async throws -> Void,
    reader: @escaping @Sendable () throws -> Reader
  ) async throws -> Outcome {
    func make(_ serial: Int) async throws {
      try await server.makeCollection(name(serial), #","primaryFieldName":"\#(key(serial))""#)
      try await server.success(
        "entities/insert",
        #"{"collectionName":"\#(name(serial))","data":[{"\#(key(serial))":1,"vector":[\#(serial),0]}]}"#)
    }
    try await make(0)
    try await make(1)
    try await server.success("aliases/create", #"{"collectionName":"even","aliasName":"\#(alias)"}"#)
    let progress = Progress()
    let origin = ContinuousClock.now
    func now() -> Double { (ContinuousClock.now - origin) / .seconds(1) }
    return try await withThrowingTaskGroup(of: Outcome.self) { group in
      for _ in 0..<3 {
        group.addTask {
          let read = try reader()
          var outcome = Outcome()
          while !progress.isDone.load(ordering: .relaxed) {
            let oldest = progress.serial.withLock { $0 }
            let begun = now()
            let seen = try await read()
            outcome.times.append((begun, now() - begun))
            outcome.reads += 1
            guard let seen else {
              outcome.failed += 1
              continue
            }
            if seen.serial < oldest { outcome.stale += 1 }
            if !seen.isWhole { outcome.mixed += 1 }
          }
          return outcome
        }
      }
      // The readers end also when a swap fails.
      defer { progress.isDone.store(true, ordering: .relaxed) }
      var outcome = Outcome()
      for serial in 1...swaps {
        let begun = now()
        try await move(name(serial))
        outcome.swaps.append(begun...now())
        progress.serial.withLock { $0 = serial }
        try await server.success("collections/drop", #"{"collectionName":"\#(name(serial - 1))"}"#)
        try await make(serial + 1)
      }
      progress.isDone.store(true, ordering: .relaxed)
      for try await part in group { outcome = outcome + part }
      return outcome
    }
  }
}
