import MoultCompute
import MoultModel

/// Calibrates the rescoring of a generation for a target of recall, through the index that will answer.
struct GenerationCalibration: Sendable {
  let snapshot: CollectionSnapshot
  let generation: GenerationView
  let sample: QuerySample
  let parallel: ParallelFor

  /// Candidates of all queries together that are kept while calibrating: about 200 MiB.
  private static let candidatesMax = 8 << 20

  /// - Parameter notes: gets what a reader should know if the sample cannot show the target.
  func policy(target: Double, notes: inout [String]) -> RescoringPolicy {
    let pools = RescoringCalibration.poolsPerHit
    var policy = policy(target: target, pool: pools[0] * sample.k)
    // Without a z all candidates would be rescored: among more of them there may be one.
    for perHit in pools.dropFirst()
    where policy.z == nil && perHit * sample.k / 4 < snapshot.liveCount {
      policy = self.policy(target: target, pool: perHit * sample.k)
    }
    // An index that is asked for fewer candidates finds less of what is among them.
    if !generation.indexes.isEmpty {
      for _ in 0..<4 {
        let answers = sample.answers(snapshot, of: generation, rescoring: policy, parallel: parallel)
        let recall = Recall.estimate(answers.searched, k: sample.k)
        policy.expectedRecall = recall
        if recall.lower >= target || policy.candidates >= snapshot.liveCount { break }
        policy.candidates *= 2
      }
    }
    if !policy.isShown {
      let needed = RescoringCalibration.queryCountMin(targetRecall: target, k: sample.k)
      notes.append(
        sample.count < needed
          ? "recall \(target) cannot be shown with \(sample.count) queries to calibrate on; it needs \(needed) even "
            + "if none of their neighbours is missed: give \(4 * needed) in all. Rescoring finds all that the "
            + "sample's queries needed"
          : "recall \(target) was not reached on the sample, even by rescoring \(policy.candidates) candidates a "
            + "query; take more bits, more dimensions or more queries")
    }
    return policy
  }

  private func policy(target: Double, pool: Int) -> RescoringPolicy {
    let pool = min(pool, snapshot.liveCount, max(sample.k, Self.candidatesMax / max(1, sample.count)))
    // Oversampling asks for that many candidates whatever policy there may be.
    let parameters = SearchExecutor.Parameters(
      count: sample.k, oversampling: max(1, Double(pool) / Double(sample.k)))
    let found = sample.queries.withUnsafeBufferPointer { queries in
      SearchExecutor.candidates(
        snapshot, generation: generation, queries: queries.baseAddress!, queryCount: sample.count,
        parameters: parameters, parallel: parallel
      ) { query, candidates in
        SearchExecutor.withErrors(candidates, query: query, snapshot: snapshot, generation: generation)
      }
    }
    let queries = zip(sample.truth, found).map { RescoringCalibration.Query(truth: $0, candidates: $1) }
    return RescoringCalibration(queries, k: sample.k).policy(targetRecall: target)
  }
}
