import GRDB
import MoultCompute
import MoultJobs
import MoultModel
import MoultStorage

/// Graphs of the sealed segments: kept where there are some, built where there are none, improved when the
/// gate asks for it.
extension GenerationBuilder {
  /// Where the graphs of an attempt came from.
  final class GraphOrigins: @unchecked Sendable {  // only the round's one task writes
    var kept = false
    /// Segments whose graphs this attempt has built.
    var built: Set<Int64> = []
    /// By an earlier attempt of the job.
    var found = false
  }

  func indexSealed(
    _ built: GenerationView, m: Int, efConstruction: Int, origins: GraphOrigins
  ) throws -> GenerationView {
    var built = built
    let snapshot = collection.snapshot
    let sealed = snapshot.segments.filter(\.isSealed)
    let total = Int64(sealed.reduce(0) { $0 + $1.count })
    let guides = snapshot.guides(in: GraphSpace(specification))
    var done = Int64(0)
    for segment in sealed {
      if built.graphs[segment.id] != nil {
        origins.found = origins.found || !origins.built.contains(segment.id)
      } else if specification.isIdentity || built.codes[segment.id]?.isDurable == true {
        // One that was sealed after the round's encoding has no codes yet; its turn is the next round.
        //
        // A graph's edges do not care which codes found them (QUANTIZATION.md B5.3; Benchmarks/Results has it
        // measured, and the gate looks each time), so the one at hand is shared.
        if let graph = snapshot.live.graphs[segment.id],
          snapshot.live.specification.index == specification.index
        {
          try files.share(graph, of: segment)
          origins.kept = true
        } else {
          try write(segment, of: built, in: snapshot, done: done, total: total) { source, progress in
            try GraphIndexBuilder.build(
              encoder: source.encoder, codes: source.codes, m: m, efConstruction: efConstruction,
              seed: UInt64(bitPattern: segment.id), parallel: parallel, isCancelled: { context.isCancelled },
              progress: progress)
          }
          origins.built.insert(segment.id)
        }
        let path = files.graphPath(segment)
        built.graphs[segment.id] = try files.openGraph(
          path, segment: segment, guide: guides[segment.id])
        try directory.write { db in
          try directory.catalog.recordCodes(
            generation: generationID, segment: segment.id,
            codesFile: specification.isIdentity ? nil : files.codesPath(segment), graphFile: path, in: db)
        }
      }
      done += Int64(segment.count)
    }
    snapshot.makeGuides(of: built, identity: collection.identityEncoder, parallel: parallel)
    return built
  }

  /// Replaces the graphs of the attached generation one by one by new ones.
  ///
  /// The generation answers nothing yet, and each file is exchanged in one instant, so a crash leaves whole graphs.
  func rebuildGraphs() async throws {
    guard case .hnsw(let m, let efConstruction) = specification.index else { return }
    let sealed = collection.snapshot.segments.filter(\.isSealed)
    let total = Int64(sealed.reduce(0) { $0 + $1.count })
    var done = Int64(0)
    for segment in sealed {
      guard let building = collection.snapshot.building, building.id == generationID,
        building.graphs[segment.id] != nil
      else { continue }
      let snapshot = collection.snapshot
      try await resources.background.run { [done] in
        try write(segment, of: building, in: snapshot, done: done, total: total) { source, progress in
          try GraphIndexBuilder.build(
            encoder: source.encoder, codes: source.codes, m: m, efConstruction: efConstruction,
            seed: UInt64(bitPattern: segment.id), parallel: parallel, isCancelled: { context.isCancelled },
            progress: progress)
        }
      }
      let improved = try files.openGraph(
        files.graphPath(segment), segment: segment, guide: building.graphs[segment.id]?.guide)
      await collection.writers.run {
        var snapshot = collection.snapshot
        snapshot.updateGeneration(generationID) { $0.graphs[segment.id] = improved }
        collection.publish(snapshot)
      }
      done += Int64(segment.count)
    }
  }

  private func write(
    _ segment: SegmentView, of generation: GenerationView, in snapshot: CollectionSnapshot, done: Int64,
    total: Int64,
    _ make: (
      _ source: (encoder: VectorEncoder, codes: CodeView), _ progress: @escaping @Sendable (Int) -> Void
    ) throws -> [UInt8]
  ) throws {
    let source = snapshot.graphSource(of: generation, segment: segment, identity: collection.identityEncoder)
    let bytes = try make(source) { rows in
      try? context.reportProgress(phase: "index", rowsDone: done + Int64(rows), rowsTotal: total)
    }
    try context.checkCancellation()
    try files.write(graph: bytes, of: segment)
  }
}
