import MoultCompute
import MoultModel

/// Finds rows: the part of a search that is mathematics. Payload and ids are fetched afterwards.
enum SearchExecutor {
  struct Parameters: Sendable {
    /// Hits per query, offset included.
    var count: Int
    var ef: Int?
    var exact = false
    /// Overrides the generation's oversampling.
    var oversampling: Double?
  }

  /// Queries that share one pass over the codes. More would push the codes out of the second-level cache.
  private static let queriesPerPass = 16
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
      rescore(candidates, query: query, snapshot: snapshot, encoder: encoder, parameters: parameters)
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
    let segments = snapshot.segments.map { segment in
      ExactSegment(codes: segment.vectors, live: segment.live.liveRows, firstRow: segment.firstRow)
    }
    return withExtendedLifetime(snapshot) {
      ExactSearch.search(
        queries: queries, queryCount: queryCount, dimension: dimension, metric: metric, segments: segments,
        k: count, parallel: parallel)
    }
  }

  /// One pass over the segments for a few queries.
  private static func scan(
    _ snapshot: CollectionSnapshot, generation: GenerationView, queries: UnsafePointer<Float>,
    queryCount: Int, parameters: Parameters
  ) -> [[GlobalNeighbor]] {
    let encoder = generation.encoder
    let wanted = candidateCount(encoder.specification, parameters)
    let prepared = (0..<queryCount).map { encoder.prepare(queries + $0 * encoder.dimension) }
    var found = [[GlobalNeighbor]](repeating: [], count: queryCount)
    let searched = snapshot.segments.filter { $0.live.liveCount > 0 }
    for segment in searched {
      let codes = snapshot.codes(of: generation, segment: segment)
      let live = segment.live.liveRows
      func add(_ neighbors: [Neighbor], to query: Int) {
        found[query].append(
          contentsOf: neighbors.map { GlobalNeighbor(row: segment.firstRow + Int64($0.row), score: $0.score) }
        )
      }
      if let graph = generation.graphs[segment.id] {
        for query in 0..<queryCount {
          add(
            graph.index.search(
              encoder: encoder, query: prepared[query], codes: codes, live: live, k: wanted,
              ef: max(parameters.ef ?? defaultEf, wanted)),
            to: query)
        }
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

  /// Candidates kept while a graph is searched, where the request does not say.
  private static let defaultEf = 64

  private static func oversampling(_ specification: EncodingSpecification, _ parameters: Parameters) -> Double
  {
    specification.isIdentity
      ? 1 : max(1, parameters.oversampling ?? specification.effectiveOversampling)
  }

  private static func candidateCount(_ specification: EncodingSpecification, _ parameters: Parameters) -> Int
  {
    Int((Double(parameters.count) * oversampling(specification, parameters)).rounded(.up))
  }

  /// Orders candidates by full precision, unless oversampling says that codes decide.
  static func rescore(
    _ candidates: [GlobalNeighbor], query: UnsafePointer<Float>, snapshot: CollectionSnapshot,
    encoder: VectorEncoder, parameters: Parameters
  ) -> [GlobalNeighbor] {
    guard oversampling(encoder.specification, parameters) > 1 else {
      return Array(candidates.prefix(parameters.count))
    }
    var bySegment = [[Neighbor]](repeating: [], count: snapshot.segments.count)
    for candidate in candidates {
      guard let index = snapshot.segmentIndex(ofRow: candidate.row) else { continue }
      bySegment[index].append(
        Neighbor(row: UInt32(candidate.row - snapshot.segments[index].firstRow), score: candidate.score))
    }
    var rescored: [GlobalNeighbor] = []
    rescored.reserveCapacity(candidates.count)
    for (segment, candidates) in zip(snapshot.segments, bySegment) where !candidates.isEmpty {
      rescored.append(
        contentsOf: Rescoring.rescore(
          candidates: candidates, query: query, originals: segment.vectors, dimension: encoder.dimension,
          metric: encoder.metric
        ).map { GlobalNeighbor(row: segment.firstRow + Int64($0.row), score: $0.score) })
    }
    rescored.sort()
    rescored.removeLast(max(0, rescored.count - parameters.count))
    return rescored
  }
}
