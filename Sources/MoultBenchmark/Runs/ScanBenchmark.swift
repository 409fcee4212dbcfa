internal import MoultCompute
internal import MoultModel

/// Flat search: every code is scored, then the best are rescored with full precision.
///
/// One line for the codes alone, and one with rescoring where the form has it.
package enum ScanBenchmark {
  package static func run(_ data: BenchmarkData, _ options: BenchmarkOptions, _ sink: RecordSink) throws {
    let team = options.team
    let truth = try data.truth(k: options.k)
    let originals = data.originals(team)
    let encoder = try data.train(options.specification)
    let codes = CodeStore(encoder: encoder, capacity: data.rowCount)
    data.vectors.withUnsafeBufferPointer {
      codes.encode($0.baseAddress!, batch: 1024, parallel: team.parallelFor)
    }
    let effective = options.specification.isIdentity ? 1 : options.specification.effectiveOversampling
    for oversampling in effective > 1 ? [1, effective] : [1] {
      let searcher = CandidateSearch(
        data: data, encoder: encoder, codes: codes, originals: originals, k: options.k,
        oversampling: oversampling)
      let run = QueryRun(queryCount: data.queryCount, team: team, secondsMin: options.secondsMin) { query in
        searcher.search(query) { prepared, count in
          FlatIndex.search(encoder: encoder, query: prepared, codes: codes.view, live: .all, k: count)
        }
      }
      var record = data.record("scan", options.specification, threads: options.threads)
      record.oversampling = oversampling
      record.bytesPerVector = encoder.bytesPerVector
      run.fill(&record, truth: truth)
      try sink(record)
    }
  }
}

/// Candidates by codes, then rescoring, as the engine does it.
struct CandidateSearch: Sendable {
  let data: BenchmarkData
  let encoder: VectorEncoder
  let codes: CodeStore
  let originals: CodeStore
  let k: Int
  let oversampling: Double

  /// - Parameter candidates: finds that many rows by their codes.
  func search(_ query: Int, candidates: (PreparedQuery, Int) -> [Neighbor]) -> [Int64] {
    data.queries.withUnsafeBufferPointer { queries in
      let vector = queries.baseAddress! + query * data.dimension
      let prepared = encoder.prepare(vector)
      guard oversampling > 1 else { return candidates(prepared, k).map { Int64($0.row) } }
      let found = candidates(prepared, Int((Double(k) * oversampling).rounded(.up)))
      let rescored = Rescoring.rescore(
        candidates: found, query: vector, originals: originals.view, dimension: data.dimension,
        metric: data.metric)
      return rescored.prefix(k).map { Int64($0.row) }
    }
  }
}
