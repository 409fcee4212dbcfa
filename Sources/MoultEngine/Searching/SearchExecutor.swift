import MoultCompute
import MoultModel

/// Finds rows: the part of a search that is mathematics. Payload and ids are fetched afterwards.
enum SearchExecutor {
  struct Parameters: Sendable {
    /// Hits per query, offset included.
    var count: Int
    var ef: Int?
    var probes: Int?
    var exact = false
    /// Overrides the generation's oversampling and its policy.
    var oversampling: Double?
    /// In place of the generation's own: for measuring one before it is published.
    var rescoring: RescoringPolicy?
    /// Scans all codes although there is an index: for measuring what the index loses.
    var flat = false
    /// The snapshot shows only what a filter lets through.
    var isFiltered = false
  }

  /// Queries that share one pass over the codes. Scans of blocks take them together; elsewhere more would
  /// gain nothing.
  private static let queriesPerPassMax = 64
  /// The best rows of each query, best first; ties go to the smaller row.
  ///
  /// - Parameters:
  ///   - queries: `queryCount × dimension` of the snapshot's collection, row-major.
  ///   - generation: one of the snapshot's generations.
  static func search(
    _ snapshot: CollectionSnapshot, generation: GenerationView, queries: UnsafePointer<Float>,
    queryCount: Int, parameters: Parameters, parallel: ParallelFor
  ) -> [[GlobalNeighbor]] {
    let encoder = generation.encoder
    if parameters.exact {
      return exact(
        snapshot, queries: queries, queryCount: queryCount, dimension: encoder.dimension,
        metric: encoder.metric, count: parameters.count, parallel: parallel)
    }
    return candidates(
      snapshot, generation: generation, queries: queries, queryCount: queryCount, parameters: parameters,
      parallel: parallel
    ) { query, candidates in
      rescore(
        candidates, query: query, snapshot: snapshot, generation: generation, parameters: parameters
      ).hits
    }
  }

  /// Rows of each query by code scores, as many as rescoring takes, handed to `finish` query by query.
  static func candidates<Result: Sendable>(
    _ snapshot: CollectionSnapshot, generation: GenerationView, queries: UnsafePointer<Float>,
    queryCount: Int, parameters: Parameters, parallel: ParallelFor,
    finish: @Sendable (_ query: UnsafePointer<Float>, _ candidates: [GlobalNeighbor]) -> [Result]
  ) -> [[Result]] {
    let dimension = generation.encoder.dimension
    let results = ResultSlots<[Result]>(repeating: [], count: queryCount)
    // At least four passes of a batch, so that threads share it.
    let queriesPerPass = max(1, min(queriesPerPassMax, (queryCount + 3) / 4))
    let passes = (queryCount + queriesPerPass - 1) / queriesPerPass
    nonisolated(unsafe) let queries = queries
    parallel.run(passes) { pass in
      let first = pass * queriesPerPass
      let count = min(queriesPerPass, queryCount - first)
      let found = scan(
        snapshot, generation: generation, queries: queries + first * dimension, queryCount: count,
        parameters: parameters)
      for index in 0..<count {
        results[first + index] = finish(queries + (first + index) * dimension, found[index])
      }
    }
    return results.values
  }

  /// Exact search of the full-precision vectors.
  static func exact(
    _ snapshot: CollectionSnapshot, queries: UnsafePointer<Float>, queryCount: Int, dimension: Int,
    metric: Metric, count: Int, parallel: ParallelFor
  ) -> [[GlobalNeighbor]] {
    let numbered = NumberedSegments(snapshot)
    let found = withExtendedLifetime(snapshot) {
      ExactSearch.search(
        queries: queries, queryCount: queryCount, dimension: dimension, metric: metric,
        segments: numbered.segments, k: count, parallel: parallel)
    }
    return found.map { $0.map { numbered.neighbor($0, in: snapshot) } }
  }

  /// Search of the full-precision vectors by several examples.
  static func examples(
    _ snapshot: CollectionSnapshot, _ request: ExampleSearch, metric: Metric, parallel: ParallelFor
  ) -> [GlobalNeighbor] {
    let numbered = NumberedSegments(snapshot)
    return withExtendedLifetime(snapshot) {
      ExampleScan.search(request, metric: metric, segments: numbered.segments, parallel: parallel)
    }.map { numbered.neighbor($0, in: snapshot) }
  }

  /// Segments with rows numbered through from the first to the last: in the same order as row numbers, so that ties fall
  /// alike, but without their gaps.
  private struct NumberedSegments {
    private(set) var segments: [ExactSegment] = []
    private var starts: [Int64] = [0]

    init(_ snapshot: CollectionSnapshot) {
      for segment in snapshot.segments {
        segments.append(
          ExactSegment(codes: segment.vectors, live: segment.live.liveRows, firstRow: starts.last!))
        starts.append(starts.last! + Int64(segment.count))
      }
    }

    /// With the collection's row.
    func neighbor(_ neighbor: GlobalNeighbor, in snapshot: CollectionSnapshot) -> GlobalNeighbor {
      let segment = starts.lastIndex { $0 <= neighbor.row }!
      return GlobalNeighbor(
        row: snapshot.segments[segment].rows[Int(neighbor.row - starts[segment])], score: neighbor.score)
    }
  }

  /// One pass over the segments for a few queries.
  private static func scan(
    _ snapshot: CollectionSnapshot, generation: GenerationView, queries: UnsafePointer<Float>,
    queryCount: Int, parameters: Parameters
  ) -> [[GlobalNeighbor]] {
    let encoder = generation.encoder
    let wanted = candidateCount(generation, parameters)
    let asked = IndexQueries(queries, count: queryCount, encoder: encoder)
    var found = [[GlobalNeighbor]](repeating: [], count: queryCount)
    let searched = snapshot.segments.filter { $0.live.liveCount > 0 }
    for segment in searched {
      let codes = snapshot.codes(of: generation, segment: segment)
      let liveCount = segment.live.liveCount
      let live = liveCount == segment.count ? LiveRows.all : segment.live.liveRows
      let index = generation.indexes[segment.id]
      let breadth = index?.breadth(for: wanted, ef: parameters.ef, probes: parameters.probes) ?? 1
      let neighbors: [[Neighbor]]
      if index?.isScarce(liveCount, of: segment.count, breadth: breadth) ?? (8 * liveCount < segment.count) {
        // A scan reads codes in order and sixteen at a time, about eight times as fast as rows picked one by one.
        neighbors = (0..<queryCount).map {
          FlatIndex.searchAllowed(
            encoder: encoder, query: asked.prepared[$0], codes: codes, allowed: live, k: wanted)
        }
      } else {
        neighbors = searchedIndex(
          parameters.flat ? nil : index, of: segment, generation: generation, codes: codes,
          isFiltered: parameters.isFiltered
        ).search(asked, codes: codes, live: live, k: wanted, breadth: breadth)
      }
      for query in 0..<queryCount {
        found[query].append(
          contentsOf: neighbors[query].lazy.map {
            GlobalNeighbor(row: segment.rows[Int($0.row)], score: $0.score)
          })
      }
    }
    // Candidates of all segments compete by their code scores before any is rescored, so the number of
    // full-precision rows that are read does not grow with the number of segments.
    for query in 0..<queryCount {
      if searched.count > 1 { found[query].sort() }
      found[query].removeLast(max(0, found[query].count - wanted))
    }
    return found
  }

  private static func searchedIndex(
    _ index: SegmentIndex?, of segment: SegmentView, generation: GenerationView, codes: CodeView,
    isFiltered: Bool
  ) -> any VectorIndex {
    if let index {
      return index.searched(encoder: generation.encoder, codes: codes, isFiltered: isFiltered)
    }
    if case .file(let file)? = generation.codes[segment.id] {
      return FlatVectorIndex(rowCount: codes.count, blocks: file.blocks(encoder: generation.encoder))
    }
    return FlatVectorIndex(rowCount: codes.count)
  }

  /// The policy in effect: a request's oversampling goes before it.
  private static func policy(_ generation: GenerationView, _ parameters: Parameters) -> RescoringPolicy? {
    guard parameters.oversampling == nil, !generation.specification.isIdentity else { return nil }
    return parameters.rescoring ?? generation.report?.rescoring
  }

  private static func oversampling(_ specification: EncodingSpecification, _ parameters: Parameters) -> Double
  {
    specification.isIdentity
      ? 1 : max(1, parameters.oversampling ?? specification.effectiveOversampling)
  }

  private static func candidateCount(_ generation: GenerationView, _ parameters: Parameters) -> Int {
    if let policy = policy(generation, parameters) { return policy.candidateCount(parameters.count) }
    let oversampling = oversampling(generation.specification, parameters)
    // A stored oversampling may be any number; there are never more rows than fit 32 bits.
    return Int(min(Double(UInt32.max), (Double(parameters.count) * oversampling).rounded(.up)))
  }

  /// Orders candidates by full precision: those that the generation's policy asks for, or all of them, or,
  /// where oversampling says that codes decide, none.
  ///
  /// - Returns: the hits, and how many candidates were rescored.
  static func rescore(
    _ candidates: [GlobalNeighbor], query: UnsafePointer<Float>, snapshot: CollectionSnapshot,
    generation: GenerationView, parameters: Parameters
  ) -> (hits: [GlobalNeighbor], evaluations: Int) {
    let encoder = generation.encoder
    let fetched: [Candidate]
    let rule: RescoringPolicy
    if let policy = policy(generation, parameters) {
      fetched = withErrors(candidates, query: query, snapshot: snapshot, generation: generation)
      rule = policy
    } else {
      guard oversampling(encoder.specification, parameters) > 1 else {
        return (Array(candidates.prefix(parameters.count)), 0)
      }
      fetched = candidates.map { Candidate(row: $0.row, score: $0.score, error: 0) }
      rule = .rescoringAll
    }
    return BoundedRescoring.rescore(
      fetched, policy: rule, k: parameters.count, query: query, dimension: encoder.dimension,
      metric: encoder.metric
    ) { row in
      let (segment, place) = snapshot.place(ofRow: row)!
      return UnsafeRawPointer(snapshot.segments[segment].vector(at: place))
    }
  }

  /// The candidates with the standard errors of their code scores.
  static func withErrors(
    _ candidates: [GlobalNeighbor], query: UnsafePointer<Float>, snapshot: CollectionSnapshot,
    generation: GenerationView
  ) -> [Candidate] {
    let encoder = generation.encoder
    let prepared = encoder.prepare(query)
    return withUnsafeTemporaryAllocation(of: Float.self, capacity: candidates.count) { buffer in
      let errors = buffer.baseAddress!
      forEachSegment(candidates.map(\.row), of: snapshot) { segment, rows, places in
        let codes = snapshot.codes(of: generation, segment: segment)
        gather(rows, to: places, errors) {
          encoder.standardErrors(prepared, codes, indices: $0, count: rows.count, into: $1)
        }
      }
      return zip(candidates, buffer).map { Candidate(row: $0.row, score: $0.score, error: $1) }
    }
  }

  /// Sorts rows of the snapshot by segment: their rows there, and their places in `rows`.
  private static func forEachSegment(
    _ rows: [Int64], of snapshot: CollectionSnapshot,
    _ body: (_ segment: SegmentView, _ rows: [UInt32], _ places: [Int]) -> Void
  ) {
    var bySegment = [(rows: [UInt32], places: [Int])](repeating: ([], []), count: snapshot.segments.count)
    for (place, row) in rows.enumerated() {
      let (segment, own) = snapshot.place(ofRow: row)!
      bySegment[segment].rows.append(UInt32(own))
      bySegment[segment].places.append(place)
    }
    for (segment, own) in zip(snapshot.segments, bySegment) where !own.rows.isEmpty {
      body(segment, own.rows, own.places)
    }
  }

  /// Lets `fill` write one number a row, and puts each where it belongs.
  private static func gather(
    _ rows: [UInt32], to places: [Int], _ target: UnsafeMutablePointer<Float>,
    _ fill: (UnsafePointer<UInt32>, UnsafeMutablePointer<Float>) -> Void
  ) {
    withUnsafeTemporaryAllocation(of: Float.self, capacity: rows.count) { buffer in
      fill(rows, buffer.baseAddress!)
      for (index, place) in places.enumerated() { target[place] = buffer[index] }
    }
  }
}
