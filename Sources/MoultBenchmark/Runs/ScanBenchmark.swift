internal import MoultCompute
internal import MoultModel

/// Flat search: every code is scored, then the best are rescored with full precision.
///
/// One line for the codes alone, and one with rescoring where the form has it.
package enum ScanBenchmark {
  /// With a target of recall the second line is that of calibrated rescoring, and both are measured on queries
  /// that took no part in calibrating.
  package static func run(_ given: BenchmarkData, _ options: BenchmarkOptions, _ sink: RecordSink) throws {
    let team = options.team
    let target = options.specification.isIdentity ? nil : options.specification.targetRecall
    let (training, data) = target == nil ? (given, given) : try ScanCalibration.split(given)
    let truth = try data.truth(k: options.k)
    let originals = data.originals(team)
    let encoder = try data.train(options.specification)
    let codes = CodeStore(encoder: encoder, capacity: data.rowCount)
    data.vectors.withUnsafeBufferPointer {
      codes.encode($0.baseAddress!, batch: 1024, parallel: team.parallelFor)
    }
    let batch = options.batch ?? 1
    let blocks = BlockCodes(encoder: encoder, codes: codes.view, parallel: team.parallelFor)
    let policy = target.map { target in
      ScanCalibration(
        data: training, encoder: encoder, codes: codes, originals: originals, blocks: blocks, k: options.k,
        team: team
      ).policy(targetRecall: target)
    }
    for rescoring in CandidateSearch.Rescore.lines(options.specification, policy: policy) {
      let searcher = CandidateSearch(
        data: data, encoder: encoder, codes: codes, originals: originals, k: options.k, rescoring: rescoring)
      let run = QueryRun(
        queryCount: data.queryCount, batch: batch, team: team, secondsMin: options.secondsMin
      ) { range in
        if let blocks { return searcher.search(range, blocks: blocks) }
        return range.map { query in
          searcher.search(query) { prepared, _, count in
            FlatIndex.search(encoder: encoder, query: prepared, codes: codes.view, live: .all, k: count)
          }
        }
      }
      var record = data.record("scan", options.specification, threads: options.threads)
      searcher.describe(&record)
      record.batch = batch
      record.bytesPerVector = blocks?.bytesPerVector ?? encoder.bytesPerVector
      record.codeBytesPerVector = encoder.bytesPerVector
      run.fill(&record, truth: truth)
      try sink(record)
    }
  }
}
