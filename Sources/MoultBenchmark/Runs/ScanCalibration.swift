internal import MoultCompute
internal import MoultModel

/// Calibrates rescoring for a flat scan, as a switch does it.
struct ScanCalibration {
  /// Its queries are those that are calibrated on.
  let data: BenchmarkData
  let encoder: VectorEncoder
  let codes: CodeStore
  let originals: CodeStore
  let blocks: BlockCodes?
  let k: Int
  let team: ThreadTeam

  /// Queries to calibrate on and queries to measure with: the training queries and all others, or without
  /// training queries the two halves.
  ///
  /// - Throws: `invalidArgument` for a single query.
  static func split(_ data: BenchmarkData) throws -> (training: BenchmarkData, measured: BenchmarkData) {
    if !data.trainingQueries.isEmpty { return (data.withTrainingQueries(), data) }
    let half = data.queryCount / 2
    guard half > 0 else {
      throw MoultError(.invalidArgument, "--target-recall needs at least 2 queries, or --train-queries")
    }
    return (data.with(queries: 0..<half), data.with(queries: half..<data.queryCount))
  }

  func policy(targetRecall: Double) -> RescoringPolicy {
    let truth = data.queries.withUnsafeBufferPointer { queries in
      ExactSearch.search(
        queries: queries.baseAddress!, queryCount: data.queryCount, dimension: data.dimension,
        metric: data.metric, segments: [ExactSegment(codes: originals.view)], k: k, parallel: team.parallelFor
      )
    }
    var policy: RescoringPolicy?
    for perHit in RescoringCalibration.poolsPerHit {
      let found = candidates(min(perHit * k, data.rowCount))
      let queries = zip(truth, found).map { RescoringCalibration.Query(truth: $0, candidates: $1) }
      policy = RescoringCalibration(queries, k: k).policy(targetRecall: targetRecall)
      if policy!.z != nil || perHit * k >= data.rowCount { break }
    }
    return policy!
  }

  private func candidates(_ pool: Int) -> [[Candidate]] {
    let searcher = CandidateSearch(
      data: data, encoder: encoder, codes: codes, originals: originals, k: k, rescoring: .oversampling(1))
    let batch = 64
    let results = ResultSlots<[[Candidate]]>(repeating: [], count: (data.queryCount + batch - 1) / batch)
    team.parallelFor.run(results.values.count) { index in
      data.queries.withUnsafeBufferPointer { queries in
        let range = index * batch..<min(data.queryCount, (index + 1) * batch)
        let vectors = queries.baseAddress! + range.lowerBound * data.dimension
        let found =
          blocks.map { FlatIndex.search(queries: vectors, queryCount: range.count, codes: $0, k: pool) }
          ?? range.indices.map { place in
            FlatIndex.search(
              encoder: encoder, query: encoder.prepare(vectors + (place - range.lowerBound) * data.dimension),
              codes: codes.view, live: .all, k: pool)
          }
        results[index] = found.enumerated().map {
          searcher.withErrors($1, vectors + $0 * data.dimension)
        }
      }
    }
    return results.values.flatMap { $0 }
  }
}
