import MoultCompute
import MoultModel

/// Finds rows: the part of a search that is mathematics. Payload and ids are fetched afterwards.
enum SearchExecutor {
  struct Parameters: Sendable {
    /// Hits per query, offset included.
    var count: Int
    var ef: Int?
    var exact = false
    /// Overrides the generation's oversampling and its policy.
    var oversampling: Double?
    /// In place of the generation's own: for measuring one before it is published.
    var rescoring: RescoringPolicy?
    /// Scans all codes although there is a graph: for measuring what the graph loses.
    var flat = false
    /// The snapshot shows only what a filter lets through.
    var isFiltered = false
  }

  /// Queries that share one pass over the codes. Scans of blocks take them together; elsewhere more would
  /// gain nothing.
  private static let queriesPerPassMax = 64
  /// Bytes of codes that every query of a pass scores before the next ones are read: they stay in the
  /// second-level cache meanwhile.
  private static let passBytes = 256 << 10

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
    // Numbered through from the first segment to the last: in the same order as row numbers, so that ties fall
    // alike, but without their gaps.
    var starts: [Int64] = [0]
    let segments = snapshot.segments.map { segment in
      defer { starts.append(starts.last! + Int64(segment.count)) }
      return ExactSegment(codes: segment.vectors, live: segment.live.liveRows, firstRow: starts.last!)
    }
    let found = withExtendedLifetime(snapshot) {
      ExactSearch.search(
        queries: queries, queryCount: queryCount, dimension: dimension, metric: metric, segments: segments,
        k: count, parallel: parallel)
    }
    return found.map { neighbors in
      neighbors.map { neighbor in
        let segment = starts.lastIndex { $0 <= neighbor.row }!
        return GlobalNeighbor(
          row: snapshot.segments[segment].rows[Int(neighbor.row - starts[segment])], score: neighbor.score)
      }
    }
  }

  /// One pass over the segments for a few queries.
  private static func scan(
    _ snapshot: CollectionSnapshot, generation: GenerationView, queries: UnsafePointer<Float>,
    queryCount: Int, parameters: Parameters
  ) -> [[GlobalNeighbor]] {
    let encoder = generation.encoder
    let wanted = candidateCount(generation, parameters)
    // Made once for all segments: by blocks the one, by graphs and growing segments the other.
    lazy var blockQueries = BlockQueries(encoder: encoder, queries: queries, count: queryCount)
    lazy var prepared = (0..<queryCount).map { encoder.prepare(queries + $0 * encoder.dimension) }
    var found = [[GlobalNeighbor]](repeating: [], count: queryCount)
    let searched = snapshot.segments.filter { $0.live.liveCount > 0 }
    for segment in searched {
      let codes = snapshot.codes(of: generation, segment: segment)
      let liveCount = segment.live.liveCount
      let live = liveCount == segment.count ? LiveRows.all : segment.live.liveRows
      func add(_ neighbors: [Neighbor], to query: Int) {
        found[query].append(
          contentsOf: neighbors.map { GlobalNeighbor(row: segment.rows[Int($0.row)], score: $0.score) })
      }
      let ef = max(parameters.ef ?? defaultEf, wanted)
      if isScarce(liveCount, of: segment.count, graph: generation.graphs[segment.id], ef: ef) {
        for query in 0..<queryCount {
          add(
            FlatIndex.searchAllowed(
              encoder: encoder, query: prepared[query], codes: codes, allowed: live, k: wanted),
            to: query)
        }
        continue
      }
      if !parameters.flat, let graph = generation.graphs[segment.id] {
        // Guides are coarse: they find the way to what is nearest, not among rows that are all far away, which is
        // what a filter may leave.
        let guide = parameters.isFiltered ? nil : graph.guide.value
        for query in 0..<queryCount {
          add(
            graph.index.search(
              encoder: encoder, query: prepared[query], codes: codes, live: live, k: wanted, ef: ef,
              guide: guide?.prepare(queries + query * encoder.dimension)), to: query)
        }
        continue
      }
      if case .file(let file)? = generation.codes[segment.id], let blocks = file.blocks(encoder: encoder),
        let blockQueries
      {
        let neighbors = FlatIndex.search(blockQueries, codes: blocks, live: live, k: wanted)
        for query in 0..<queryCount { add(neighbors[query], to: query) }
        continue
      }
      var best = [TopK](repeating: TopK(wanted), count: queryCount)
      let block = queryCount == 1 ? codes.count : max(512, passBytes / max(1, encoder.rowBytes))
      for first in stride(from: 0, to: codes.count, by: max(1, block)) {
        let part = codes.subview(from: first, count: min(block, codes.count - first))
        for query in 0..<queryCount {
          FlatIndex.search(
            encoder: encoder, query: prepared[query], codes: part, live: live, firstRow: first,
            into: &best[query])
        }
      }
      for query in 0..<queryCount { add(best[query].sorted(), to: query) }
    }
    // Candidates of all segments compete by their code scores before any is rescored, so the number of
    // full-precision rows that are read does not grow with the number of segments.
    for query in 0..<queryCount {
      if searched.count > 1 { found[query].sort() }
      found[query].removeLast(max(0, found[query].count - wanted))
    }
    return found
  }

  /// Whether so few rows are live, or let through by a filter, that scoring each of them is the least work.
  ///
  /// A scan reads codes in order and sixteen at a time, about eight times as fast as rows picked one by one. A walk
  /// through a graph scores some `scoresPerCandidate` rows for each one that it keeps, and of those only a part
  /// is live.
  private static func isScarce(_ liveCount: Int, of count: Int, graph: SegmentGraph?, ef: Int) -> Bool {
    guard graph != nil else { return 8 * liveCount < count }
    return Double(liveCount) * Double(liveCount) < scoresPerCandidate * Double(ef) * Double(count)
  }

  private static let scoresPerCandidate = 12.0

  /// Candidates kept while a graph is searched, where the request does not say.
  private static let defaultEf = 96

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
