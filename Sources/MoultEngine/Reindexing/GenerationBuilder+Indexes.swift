import GRDB
import MoultCompute
import MoultJobs
import MoultModel
import MoultStorage

/// Indexes of the sealed segments: kept where there are some, built where there are none; graphs are refined or
/// rebuilt when the gate asks for it.
extension GenerationBuilder {
  /// Where the indexes of an attempt came from.
  final class IndexOrigins: @unchecked Sendable {  // only the round's one task writes
    var kept = false
    /// Segments whose indexes this attempt has built.
    var built: Set<Int64> = []
    /// By an earlier attempt of the job.
    var found = false

    /// Of an attempt that was cut off, kept ones may be among those that were found.
    var kind: GraphWork.Kind? { kept || found ? .kept : built.isEmpty ? nil : .built }
  }

  private var indexBuild: SegmentIndexBuild {
    SegmentIndexBuild(
      files: files, context: context, identity: collection.identityEncoder, parallel: parallel)
  }

  func indexSealed(_ built: GenerationView, origins: IndexOrigins) throws -> GenerationView {
    var built = built
    let snapshot = collection.snapshot
    let sealed = snapshot.segments.filter(\.isSealed)
    let total = Int64(sealed.reduce(0) { $0 + $1.count })
    let guides = snapshot.guides(in: GraphSpace(specification))
    var done = Int64(0)
    for segment in sealed {
      if built.indexes[segment.id] != nil {
        origins.found = origins.found || !origins.built.contains(segment.id)
      } else if specification.isIdentity || built.codes[segment.id]?.isDurable == true {
        // One that was sealed after the round's encoding has no codes yet; its turn is the next round.
        built.indexes[segment.id] = try index(
          of: segment, in: built, live: snapshot.live, guide: guides[segment.id], origins: origins,
          done: done,
          total: total)
      }
      done += Int64(segment.count)
    }
    snapshot.makeGuides(of: built, identity: collection.identityEncoder, parallel: parallel)
    return built
  }

  /// The index of a segment, kept or built, and recorded; `nil` where it gets none.
  private func index(
    of segment: SegmentView, in built: GenerationView, live: GenerationView, guide: SegmentGuide?,
    origins: IndexOrigins, done: Int64, total: Int64
  ) throws -> SegmentIndex? {
    let kind = specification.index.kind(rowCount: segment.count)
    let index: SegmentIndex
    // A graph's edges do not care which codes found them (QUANTIZATION.md B5.3; Benchmarks/Results has it measured, and
    // the gate looks each time), and lists are of the vectors, so what is at hand is shared.
    if kind != .flat, let present = live.indexes[segment.id],
      live.specification.index.kind(rowCount: segment.count) == kind
    {
      try files.share(present, of: segment)
      index = try files.openIndex(files.path(of: present, segment), segment: segment, guide: guide)
      origins.kept = true
    } else {
      guard
        let new = try indexBuild.run(
          kind, of: segment, encoder: built.encoder,
          codes: collection.snapshot.codes(of: built, segment: segment), guide: guide, done: done,
          total: total)
      else { return nil }
      index = new
      origins.built.insert(segment.id)
    }
    try directory.write { db in
      try directory.catalog.recordCodes(
        generation: generationID, segment: segment.id,
        codesFile: specification.isIdentity ? nil : files.codesPath(segment),
        graphFile: files.path(of: index, segment), in: db)
    }
    return index
  }

  /// What is done about graphs that do not serve the new codes.
  enum GraphImprovement: CaseIterable {
    /// Links are chosen anew among what is near: a part of what a new graph takes.
    case refining
    case rebuilding
  }

  /// Replaces the graphs of the attached generation one by one by better ones. (Lists do not depend on codes: to make
  /// them anew would make the same ones.)
  ///
  /// The generation answers nothing yet, and each file is exchanged in one instant, so a crash leaves whole graphs.
  func improveGraphs(by improvement: GraphImprovement) async throws {
    let sealed = collection.snapshot.segments.filter(\.isSealed)
    let total = Int64(sealed.reduce(0) { $0 + $1.count })
    var done = Int64(0)
    for segment in sealed {
      let snapshot = collection.snapshot
      let kind = specification.index.kind(rowCount: segment.count)
      guard case .hnsw = kind, let building = snapshot.building, building.id == generationID,
        let present = building.indexes[segment.id], let graph = present.graph
      else { continue }
      let improved = try await resources.background.run { [done] in
        try indexBuild.run(
          kind, of: segment, encoder: building.encoder, codes: snapshot.codes(of: building, segment: segment),
          guide: present.guide, refining: improvement == .refining ? graph : nil, done: done, total: total)
      }
      await collection.writers.run {
        var snapshot = collection.snapshot
        snapshot.updateGeneration(generationID) { $0.indexes[segment.id] = improved }
        collection.publish(snapshot)
      }
      done += Int64(segment.count)
    }
  }
}
