import Foundation
import GRDB
import Logging
import MoultCompute
import MoultJobs
import MoultModel
import MoultStorage

/// Gives graphs to segments that were sealed after their generation went live. Until then they are scanned flat.
struct IndexJob: Sendable {
  static let kind = "index"

  let resources: EngineResources
  let collection: Collection
  let context: JobContext

  /// Enqueues the job when a graph is missing.
  static func enqueue(for collection: Collection, in resources: EngineResources) throws {
    let snapshot = collection.snapshot
    guard snapshot.openGenerations.contains(where: { missingGraph(of: $0, in: snapshot) != nil }) else {
      return
    }
    try Upkeep.enqueue(kind, for: collection, in: resources)
  }

  /// The same where a failure only puts it off to the next occasion.
  static func enqueueIfNeeded(for collection: Collection, in resources: EngineResources) {
    do {
      try enqueue(for: collection, in: resources)
    } catch {
      resources.logger.warning("graphs of '\(collection.name)' could not be ordered yet: \(error)")
    }
  }

  func run() async throws -> Data? {
    while try await indexNext() { try context.checkCancellation() }
    return nil
  }

  private static func missingGraph(of generation: GenerationView, in snapshot: CollectionSnapshot)
    -> SegmentView?
  {
    guard case .hnsw = generation.specification.index else { return nil }
    return snapshot.segments.first { $0.isSealed && generation.graphs[$0.id] == nil }
  }

  /// - Returns: whether there was a segment without its graph.
  private func indexNext() async throws -> Bool {
    let snapshot = collection.snapshot
    for generation in snapshot.openGenerations {
      guard let segment = Self.missingGraph(of: generation, in: snapshot),
        case .hnsw(let m, let efConstruction) = generation.specification.index
      else { continue }
      let files = GenerationFiles(
        directory: resources.directory, collectionID: collection.id, generationID: generation.id)
      let guide = snapshot.guides(in: GraphSpace(generation.specification))[segment.id] ?? SegmentGuide()
      try await resources.background.run {
        try snapshot.requireSound(generation, parallel: resources.background.parallelFor)
        let source = snapshot.graphSource(
          of: generation, segment: segment, identity: collection.identityEncoder)
        let bytes = try GraphIndexBuilder.build(
          encoder: source.encoder, codes: source.codes, m: m,
          efConstruction: efConstruction, seed: UInt64(bitPattern: segment.id),
          parallel: resources.background.parallelFor, isCancelled: { context.isCancelled },
          progress: { rows in
            try? context.reportProgress(
              phase: "index", rowsDone: Int64(rows), rowsTotal: Int64(segment.count))
          })
        try context.checkCancellation()
        try files.write(graph: bytes, of: segment)
        guide.make(
          encoder: source.encoder, codes: source.codes, parallel: resources.background.parallelFor)
      }
      try await collection.writers.run {
        try await resources.writing.run {
          try attach(segment, generation: generation, files: files, guide: guide)
        }
      }
      return true
    }
    return false
  }

  private func attach(
    _ segment: SegmentView, generation: GenerationView, files: GenerationFiles, guide: SegmentGuide
  ) throws {
    var snapshot = collection.snapshot
    // The generation may have been retired meanwhile; its graph then goes with the next sweep.
    guard snapshot.openGenerations.contains(where: { $0.id == generation.id }) else { return }
    let path = files.graphPath(segment)
    let graph = try files.openGraph(path, segment: segment, guide: guide)
    try resources.directory.write { db in
      try resources.directory.catalog.recordCodes(
        generation: generation.id, segment: segment.id,
        codesFile: generation.specification.isIdentity ? nil : files.codesPath(segment), graphFile: path,
        in: db)
    }
    snapshot.updateGeneration(generation.id) { $0.graphs[segment.id] = graph }
    collection.publish(snapshot)
  }
}
