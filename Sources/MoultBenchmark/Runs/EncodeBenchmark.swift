internal import MoultCompute
internal import MoultModel

/// How fast vectors become codes. A target of recall is refused: it would change nothing.
package enum EncodeBenchmark {
  package static func run(_ data: BenchmarkData, _ options: BenchmarkOptions, _ sink: RecordSink) throws {
    try options.refuseTargetRecall("bench encode searches nothing")
    let batch = options.batch ?? 1024
    let sample = data.sample()
    let sampleCount = sample.count / data.dimension
    let clock = ContinuousClock()
    let start = clock.now
    let encoder = try data.train(options.specification, on: consume sample)
    if !options.specification.isIdentity {
      var training = data.record("train", options.specification, threads: 1)
      training.seconds = Stopwatch.seconds(from: start, to: clock.now)
      training.note = "\(sampleCount) rows" + (encoder.report.gainSummary.map { "; \($0)" } ?? "")
      try sink(training)
    }

    let store = CodeStore(encoder: encoder, capacity: data.rowCount)
    let calls = options.deviceCalls
    let run = data.vectors.withUnsafeBufferPointer { vectors in
      Repetition(secondsMin: options.secondsMin) {
        store.encode(vectors.baseAddress!, batch: batch, parallel: options.team.parallelFor)
      }
    }
    var record = data.record("encode", options.specification, threads: options.threads)
    record.batch = batch
    record.rowsPerS = Double(data.rowCount) / run.secondsPerRound
    record.seconds = run.secondsPerRound
    record.bytesPerVector = encoder.bytesPerVector
    record.checksum = store.checksum
    record.device = options.deviceName(since: calls)
    try sink(record)
  }
}
