internal import MoultModel

/// Exact search of the full-precision vectors, in batches.
package enum ExactBenchmark {
  package static func run(_ data: BenchmarkData, _ options: BenchmarkOptions, _ sink: RecordSink) throws {
    let team = options.team
    let truth = try data.truth(k: options.k)
    let originals = data.originals(team)
    let batches = options.batch.map { [$0] } ?? [1, min(64, data.queryCount), data.queryCount]
    for batch in batches {
      var found: [[Int64]] = []
      let run = Repetition(secondsMin: options.secondsMin) {
        found = data.exact(originals, k: options.k, batch: batch, team)
      }
      var record = data.record("exact", EncodingSpecification(), threads: options.threads)
      record.batch = batch
      record.qps = Double(data.queryCount) / run.secondsPerRound
      record.bytesPerVector = originals.bytesPerVector
      record.set(truth.recall(of: found))
      record.checksum = Checksum.of(found)
      try sink(record)
    }
  }
}
