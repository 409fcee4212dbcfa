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

  /// Below this many exact queries in one call, rows are streamed once per query; from there on, tiles of a
  /// matrix product serve many queries per row that is read.
  private static let batchedExactQueriesMin = 16

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
    if queryCount == 1 {
      return [one(snapshot, generation: generation, query: queries, parameters: parameters)]
    }
    let results = ResultSlots<[GlobalNeighbor]>(repeating: [], count: queryCount)
    nonisolated(unsafe) let queries = queries
    parallel.run(queryCount) { index in
      results[index] = one(
        snapshot, generation: generation, query: queries + index * encoder.dimension, parameters: parameters)
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

  private static func one(
    _ snapshot: CollectionSnapshot, generation: GenerationView, query: UnsafePointer<Float>,
    parameters: Parameters
  ) -> [GlobalNeighbor] {
    let encoder = generation.encoder
    let oversampling = max(1, parameters.oversampling ?? encoder.specification.effectiveOversampling)
    let rescores = oversampling > 1 && !encoder.specification.isIdentity
    let candidateCount = rescores ? Int((Double(parameters.count) * oversampling).rounded(.up)) : parameters.count
    let prepared = encoder.prepare(query)

    // Candidates of every segment compete by their code scores before any is rescored, so the number of
    // full-precision rows that are read does not grow with the number of segments.
    var candidates: [SegmentCandidate] = []
    for (segmentIndex, segment) in snapshot.segments.enumerated() where segment.live.liveCount > 0 {
      let codes = snapshot.codes(of: generation, segment: segment)
      let found: [Neighbor]
      if let graph = generation.graphs[segment.id] {
        found = graph.index.search(
          encoder: encoder, query: prepared, codes: codes, live: segment.live.liveRows, k: candidateCount,
          ef: max(parameters.ef ?? 64, candidateCount))
      } else {
        found = FlatIndex.search(
          encoder: encoder, query: prepared, codes: codes, live: segment.live.liveRows, k: candidateCount)
      }
      candidates.append(
        contentsOf: found.map {
          SegmentCandidate(segmentIndex: segmentIndex, row: $0.row, score: $0.score, firstRow: segment.firstRow)
        })
    }
    if snapshot.segments.count > 1 { candidates.sort() }
    candidates.removeLast(max(0, candidates.count - candidateCount))
    guard rescores else { return candidates.prefix(parameters.count).map(\.global) }

    var rescored: [GlobalNeighbor] = []
    rescored.reserveCapacity(candidates.count)
    for (segmentIndex, segment) in snapshot.segments.enumerated() {
      let ofSegment = candidates.filter { $0.segmentIndex == segmentIndex }
      guard !ofSegment.isEmpty else { continue }
      let exact = Rescoring.rescore(
        candidates: ofSegment.map { Neighbor(row: $0.row, score: $0.score) }, query: query,
        originals: segment.vectors, dimension: encoder.dimension, metric: encoder.metric)
      rescored.append(
        contentsOf: exact.map { GlobalNeighbor(row: segment.firstRow + Int64($0.row), score: $0.score) })
    }
    rescored.sort { $0.score != $1.score ? $0.score > $1.score : $0.row < $1.row }
    rescored.removeLast(max(0, rescored.count - parameters.count))
    return rescored
  }
}

private struct SegmentCandidate: Comparable {
  var segmentIndex: Int
  var row: UInt32
  var score: Float
  var firstRow: Int64

  var global: GlobalNeighbor { GlobalNeighbor(row: firstRow + Int64(row), score: score) }

  /// Better first: higher score, then smaller row.
  static func < (left: SegmentCandidate, right: SegmentCandidate) -> Bool {
    if left.score != right.score { return left.score > right.score }
    return left.global.row < right.global.row
  }
}

/// An array whose elements are each written by one round of a parallel loop and read after it.
final class ResultSlots<Value: Sendable>: @unchecked Sendable {
  private let storage: UnsafeMutableBufferPointer<Value>

  init(repeating value: Value, count: Int) {
    storage = .allocate(capacity: count)
    storage.initialize(repeating: value)
  }

  deinit {
    storage.deinitialize()
    storage.deallocate()
  }

  /// - Precondition: no two threads use the same index at the same time.
  subscript(index: Int) -> Value {
    get { storage[index] }
    set { storage[index] = newValue }
  }

  var values: [Value] { Array(storage) }
}
