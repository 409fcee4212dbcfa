import MoultCompute
import MoultJobs
import MoultModel

/// Makes the index of one sealed segment in one generation: builds, writes and opens it. The one place that knows what
/// each kind is built of.
struct SegmentIndexBuild: Sendable {
  let files: GenerationFiles
  let context: JobContext
  /// Of the collection.
  let identity: VectorEncoder
  let parallel: ParallelFor

  /// - Parameters:
  ///   - kind: not `automatic`.
  ///   - codes: of the segment's rows, written by `encoder`.
  ///   - guide: of the segment in the graph's space, made here if it is not yet.
  ///   - refining: a graph of the segment to make better in place of a new one.
  ///   - done: rows of other segments before this one, of `total`, for the job's progress.
  /// - Returns: `nil` for `flat`.
  /// - Throws: `cancelled`; what writing throws.
  func run(
    _ kind: IndexSpecification, of segment: SegmentView, encoder: VectorEncoder, codes: CodeView,
    guide: SegmentGuide?, refining: GraphIndex? = nil, done: Int64 = 0, total: Int64? = nil
  ) throws -> SegmentIndex? {
    let progress: @Sendable (Int) -> Void = { [context] rows in
      try? context.reportProgress(
        phase: "index", rowsDone: done + Int64(rows), rowsTotal: total ?? Int64(segment.count))
    }
    let seed = UInt64(bitPattern: segment.id)
    let graphSource = GraphSpace.source(of: segment, encoder: encoder, codes: codes, identity: identity)
    let bytes: [UInt8]
    let path: String
    switch kind {
    case .flat: return nil
    case .hnsw(let m, let efConstruction):
      bytes =
        if let refining {
          try GraphRefiner.refine(
            refining, encoder: graphSource.encoder, codes: graphSource.codes, efConstruction: efConstruction,
            parallel: parallel, isCancelled: { [context] in context.isCancelled }, progress: progress)
        } else {
          try GraphIndexBuilder.build(
            encoder: graphSource.encoder, codes: graphSource.codes, m: m, efConstruction: efConstruction,
            seed: seed,
            neighbors: DeviceNeighbors(
              vectors: segment.vectors, dimension: identity.dimension, metric: identity.metric,
              parallel: parallel), parallel: parallel, isCancelled: { [context] in context.isCancelled },
            progress: progress)
        }
      path = files.graphPath(segment)
    case .ivf(let lists):
      bytes = try IVFIndexBuilder.build(
        vectors: segment.vectors, dimension: identity.dimension, metric: identity.metric, listCount: lists,
        seed: seed, parallel: parallel, isCancelled: { [context] in context.isCancelled }, progress: progress)
      path = files.invertedFilePath(segment)
    case .automatic: preconditionFailure("a segment's index is of one kind")
    }
    try context.checkCancellation()
    try files.write(index: bytes, to: path, of: segment)
    let index = try files.openIndex(path, segment: segment, guide: guide)
    index.guide?.make(encoder: graphSource.encoder, codes: graphSource.codes, parallel: parallel)
    return index
  }
}
