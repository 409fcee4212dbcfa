import MoultCompute
import MoultModel

/// Queries with their true neighbours, to measure generations with.
struct QuerySample: Sendable {
  /// `count × dimension`, row-major.
  let queries: [Float]
  /// Nearest first, with exact scores.
  let truth: [[GlobalNeighbor]]
  let dimension: Int
  let k: Int

  var count: Int { truth.count }

  /// How a generation answers the queries.
  struct Answers: Sendable {
    /// As it is searched.
    var searched: [QueryRecall]
    /// By its codes alone: the first k candidates.
    var codes: [QueryRecall]
    /// Candidates rescored a query, the mean.
    var evaluations: Double
  }

  /// - Parameters:
  ///   - rescoring: in place of the generation's own policy.
  ///   - flat: scans all codes although there is an index.
  func answers(
    _ snapshot: CollectionSnapshot, of generation: GenerationView, rescoring: RescoringPolicy?,
    flat: Bool = false, parallel: ParallelFor
  ) -> Answers {
    let rows = truth.map { $0.map(\.row) }
    let specification = generation.specification
    if specification.isIdentity && (flat || generation.indexes.isEmpty) {
      // A scan of all full-precision vectors: what exact search is defined by.
      let whole = Recall.perQuery(found: rows, truth: rows, k: k)
      return Answers(searched: whole, codes: whole, evaluations: 0)
    }
    let parameters = SearchExecutor.Parameters(count: k, rescoring: rescoring, flat: flat)
    let found = queries.withUnsafeBufferPointer { queries in
      SearchExecutor.candidates(
        snapshot, generation: generation, queries: queries.baseAddress!, queryCount: count,
        parameters: parameters, parallel: parallel
      ) { query, candidates in
        let (hits, evaluations) = SearchExecutor.rescore(
          candidates, query: query, snapshot: snapshot, generation: generation, parameters: parameters)
        return [(hits: hits.map(\.row), codes: candidates.prefix(k).map(\.row), evaluations: evaluations)]
      }
    }
    return Answers(
      searched: Recall.perQuery(found: found.map { $0[0].hits }, truth: rows, k: k),
      codes: Recall.perQuery(found: found.map { $0[0].codes }, truth: rows, k: k),
      evaluations: Double(found.reduce(0) { $0 + $1[0].evaluations }) / Double(max(1, count)))
  }

  /// Two halves at random, for calibrating and for measuring.
  ///
  /// - Returns: `nil` where one would have fewer than `atLeast` queries.
  func halves(seed: UInt64, atLeast: Int) -> (first: QuerySample, second: QuerySample)? {
    guard count / 2 >= atLeast else { return nil }
    var random = SplitMix64(seed: seed)
    let order = (0..<count).shuffled(using: &random)
    return (self[order[..<(count / 2)]], self[order[(count / 2)...]])
  }

  private subscript(_ chosen: ArraySlice<Int>) -> QuerySample {
    QuerySample(
      queries: chosen.flatMap { queries[$0 * dimension..<($0 + 1) * dimension] },
      truth: chosen.map { truth[$0] }, dimension: dimension, k: k)
  }
}
