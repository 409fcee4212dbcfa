internal import Foundation
internal import MoultCompute
internal import Synchronization

/// Answers all queries of a set, a batch at a time on each thread, and measures rate and latency (of a batch).
struct QueryRun {
  /// Rows that each query found.
  let found: [[Int64]]
  let queriesPerSecond: Double
  let p50Milliseconds: Double
  let p99Milliseconds: Double

  private struct Slots {
    var found: [[Int64]]
    var seconds: [Double] = []
  }

  init(
    queryCount: Int, batch: Int = 1, team: ThreadTeam, secondsMin: Double,
    _ answer: @Sendable (Range<Int>) -> [[Int64]]
  ) {
    let slots = Mutex(Slots(found: Array(repeating: [], count: queryCount)))
    let run = Repetition(secondsMin: secondsMin) {
      team.parallelFor.run((queryCount + batch - 1) / batch) { index in
        let range = index * batch..<min(queryCount, (index + 1) * batch)
        let clock = ContinuousClock()
        let start = clock.now
        let rows = answer(range)
        let seconds = Stopwatch.seconds(from: start, to: clock.now)
        slots.withLock {
          $0.found.replaceSubrange(range, with: rows)
          $0.seconds.append(seconds)
        }
      }
    }
    let (found, seconds) = slots.withLock { ($0.found, $0.seconds.sorted()) }
    self.found = found
    queriesPerSecond = Double(queryCount * run.rounds) / run.seconds
    p50Milliseconds = seconds[seconds.count / 2] * 1000
    p99Milliseconds = seconds[min(seconds.count - 1, seconds.count * 99 / 100)] * 1000
  }

  func fill(_ record: inout BenchmarkRecord, truth: GroundTruth) {
    record.set(truth.recall(of: found))
    record.qps = queriesPerSecond
    record.p50Ms = p50Milliseconds
    record.p99Ms = p99Milliseconds
    record.checksum = Checksum.of(found)
  }
}
