internal import MoultCompute
internal import MoultFiles
internal import MoultModel

/// Exact search of the full-precision vectors, in batches.
package enum ExactBenchmark {
  /// - Parameter truthPath: a `.npy` for the neighbours that were found, as a truth for other runs.
  package static func run(
    _ data: BenchmarkData, _ options: BenchmarkOptions, truthPath: String? = nil, _ sink: RecordSink
  ) throws {
    let team = options.team
    let truth = try data.truth(k: options.k)
    if let truthPath { try NeighbourWriter.write(truth.neighbours, path: truthPath) }
    let originals = data.originals(team)
    let segments = [ExactSegment(codes: originals.view)]
    var held: DeviceSet?
    let holdSeconds = Stopwatch.seconds { held = holdRows(segments, of: data, options) }
    let batches = options.batch.map { [$0] } ?? [1, min(64, data.queryCount), data.queryCount]
    for batch in batches {
      let calls = options.deviceCalls
      var found: [[Int64]] = []
      var work = Work()
      let run = Repetition(secondsMin: options.secondsMin) {
        (found, work) = search(data, segments, held, k: options.k, batch: batch, team)
      }
      var record = data.record("exact", EncodingSpecification(), threads: options.threads)
      record.batch = batch
      record.qps = Double(data.queryCount) / run.secondsPerRound
      record.bytesPerVector = originals.bytesPerVector
      record.set(truth.recall(of: found))
      record.checksum = Checksum.of(found)
      record.note = work.note(queryCount: data.queryCount)
      record.device = options.deviceName(since: calls)
      if record.device != nil, held != nil { record.buildSeconds = holdSeconds }
      try sink(record)
    }
  }

  /// Puts the rows into the device's memory, where it is asked for, so that each search need not. What that takes is told as
  /// the time to build.
  private static func holdRows(
    _ segments: [ExactSegment], of data: BenchmarkData, _ options: BenchmarkOptions
  ) -> DeviceSet? {
    guard let use = options.team.device, use.isForced else { return nil }
    return DeviceSet(segments, dimension: data.dimension, metric: data.metric, on: use)
  }

  /// What the searches of one round had to do.
  private struct Work {
    var scored = 0
    var looseQueries = 0
    var deviceBits: Int?

    func note(queryCount: Int) -> String {
      let perQuery = (10 * Double(scored) / Double(max(1, queryCount))).rounded() / 10
      let first = deviceBits.map { "; the device scanned \($0)-bit numbers" } ?? ""
      return
        "\(perQuery) rows scored in double per query, \(looseQueries) queries fell back to float32\(first)"
    }
  }

  private static func search(
    _ data: BenchmarkData, _ segments: [ExactSegment], _ held: DeviceSet?, k: Int, batch: Int,
    _ team: ThreadTeam
  ) -> ([[Int64]], Work) {
    var (found, work): ([[Int64]], Work) = ([], Work())
    data.queries.withUnsafeBufferPointer { queries in
      for first in stride(from: 0, to: data.queryCount, by: batch) {
        let (hits, report) = ExactSearch.reported(
          queries: queries.baseAddress! + first * data.dimension,
          queryCount: min(batch, data.queryCount - first), dimension: data.dimension, metric: data.metric,
          segments: segments, held: held, k: k, parallel: team.parallelFor)
        found += hits.map { $0.map(\.row) }
        work.scored += report.scored
        work.looseQueries += report.looseQueries
        work.deviceBits = work.deviceBits ?? report.deviceBits
      }
    }
    return (found, work)
  }
}
