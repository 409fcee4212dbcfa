import Foundation
import GRDB
import Logging
import MoultCompute
import MoultJobs
import MoultModel
import MoultStorage

/// Gives indexes to segments that were sealed after their generation went live. Until then they are scanned flat.
struct IndexJob: Sendable {
  static let kind = "index"

  let resources: EngineResources
  let collection: Collection
  let context: JobContext
  let pace: Pace

  /// Enqueues the job when an index is missing.
  static func enqueue(for collection: Collection, in resources: EngineResources) throws {
    let snapshot = collection.snapshot
    guard snapshot.openGenerations.contains(where: { missingIndex(of: $0, in: snapshot) != nil }) else {
      return
    }
    try Upkeep.enqueue(kind, for: collection, in: resources)
  }

  /// The same where a failure only puts it off to the next occasion.
  static func enqueueIfNeeded(for collection: Collection, in resources: EngineResources) {
    do {
      try enqueue(for: collection, in: resources)
    } catch {
      resources.logger.warning("indexes of '\(collection.name)' could not be ordered yet: \(error)")
    }
  }

  func run() async throws -> Data? {
    let parallel = pace.paced(resources.background.parallelFor)
    do {
      // The end of a bulk session orders what is left.
      while !resources.bulk.holds(collection.id) {
        guard try await indexNext(parallel) else { break }
        try context.checkCancellation()
      }
    } catch {
      throw resources.waitingForRoom(error) { roomNeeded }
    }
    return nil
  }

  /// For the largest index that is missing.
  private var roomNeeded: Int {
    let snapshot = collection.snapshot
    let indexes = snapshot.openGenerations.flatMap { generation in
      snapshot.segments.filter(generation.lacksIndex).map { segment in
        DiskNeed.index(
          generation.specification.index.kind(rowCount: segment.count), rows: segment.count,
          dimension: collection.schema.dimension)
      }
    }
    return DiskNeed.least + (indexes.max() ?? 0)
  }

  private static func missingIndex(of generation: GenerationView, in snapshot: CollectionSnapshot)
    -> SegmentView?
  {
    snapshot.segments.first(where: generation.lacksIndex)
  }

  /// - Returns: whether there was a segment without its index.
  private func indexNext(_ parallel: ParallelFor) async throws -> Bool {
    let snapshot = collection.snapshot
    for generation in snapshot.openGenerations {
      guard let segment = Self.missingIndex(of: generation, in: snapshot) else { continue }
      let build = SegmentIndexBuild(
        files: GenerationFiles(
          directory: resources.directory, collectionID: collection.id, generationID: generation.id),
        context: context, identity: collection.identityEncoder, parallel: parallel)
      let index = try await resources.background.run {
        try snapshot.requireSound(generation, parallel: parallel)
        return try build.run(
          generation.specification.index.kind(rowCount: segment.count), of: segment,
          encoder: generation.encoder, codes: snapshot.codes(of: generation, segment: segment),
          guide: snapshot.guides(in: GraphSpace(generation.specification))[segment.id])
      }
      guard let index else { continue }
      try await collection.writers.run {
        try await resources.writing.run {
          try attach(index, of: segment, generation: generation, files: build.files)
        }
      }
      return true
    }
    return false
  }

  private func attach(
    _ index: SegmentIndex, of segment: SegmentView, generation: GenerationView, files: GenerationFiles
  ) throws {
    var snapshot = collection.snapshot
    // The generation may have been retired meanwhile; its index then goes with the next sweep.
    guard snapshot.openGenerations.contains(where: { $0.id == generation.id }) else { return }
    try resources.directory.write { db in
      try resources.directory.catalog.recordCodes(
        generation: generation.id, segment: segment.id,
        codesFile: generation.specification.isIdentity ? nil : files.codesPath(segment),
        graphFile: files.path(of: index, segment), in: db)
    }
    snapshot.updateGeneration(generation.id) { $0.indexes[segment.id] = index }
    collection.publish(snapshot)
  }
}
