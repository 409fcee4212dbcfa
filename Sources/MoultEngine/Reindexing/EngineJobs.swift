import Foundation
import GRDB
import MoultJobs
import MoultModel
import MoultStorage

/// The kinds of jobs that the engine runs.
struct EngineJobs: Sendable {
  let resources: EngineResources
  let aliases: AliasTable
  let names: SerialGate

  func register(in registry: inout JobRegistry) {
    register(SwitchJob.kind, in: &registry, on: \SwitchJob.Arguments.collection) {
      try await SwitchJob(
        resources: resources, collection: $0, arguments: $1, context: $2, pace: $3
      ).run()
    }
    for kind in ReindexJob.kinds {
      register(kind, in: &registry, on: \ReindexJob.Arguments.source) {
        try await ReindexJob(
          resources: resources, aliases: aliases, names: names, source: $0, arguments: $1, context: $2,
          pace: $3
        ).run()
      }
    }
    register(IndexJob.kind, in: &registry, on: \Upkeep.Arguments.collection) {
      try await IndexJob(resources: resources, collection: $0, context: $2, pace: $3).run()
    }
    register(MergeJob.kind, in: &registry, on: \Upkeep.Arguments.collection) {
      try await MergeJob(resources: resources, collection: $0, context: $2, pace: $3).run()
    }
    register(ImportJob.kind, in: &registry, on: \ImportJob.Arguments.collection) {
      collection, arguments, context, _ in
      try await ImportJob(
        resources: resources, collection: collection, arguments: arguments, context: context
      ).run()
    }
    register(FieldEmbeddingJob.kind, in: &registry, on: \Upkeep.Arguments.collection) {
      field, _, context, pace in
      guard let whole = aliases.current.parent(of: field), let order = resources.fieldEmbeddings[field.id]
      else { return nil }
      return try await FieldEmbeddingJob(
        resources: resources, collection: whole, field: field, order: order, context: context, pace: pace
      ).run()
    }
    register(TextVectorJob.kind, in: &registry, on: \TextVectorJob.Arguments.collection) {
      try await TextVectorJob(
        resources: resources, names: names, collection: $0, arguments: $1, context: $2, pace: $3
      ).run()
    }
    register(RetireJob.kind, in: &registry, on: \Upkeep.Arguments.collection) {
      collection, _, context, _ in
      try await RetireJob(resources: resources, aliases: aliases, collection: collection, context: context)
        .run()
    }
  }

  /// - Parameters:
  ///   - collection: the number of the one that the job works on.
  ///   - run: gets it, what the job is told to do, and the pace that the job has to keep.
  private func register<Arguments: Decodable & Sendable>(
    _ kind: String, in registry: inout JobRegistry, on collection: any KeyPath<Arguments, Int64> & Sendable,
    _ run: @escaping @Sendable (Collection, Arguments, JobContext, Pace) async throws -> Data?
  ) {
    registry.register(kind) { record, context in
      defer { resources.work.end(record.id) }
      do {
        let arguments = try JSONDecoder().decode(Arguments.self, from: record.arguments)
        let collection = try self.collection(arguments[keyPath: collection])
        return try await run(collection, arguments, context, resources.pace(of: context, on: collection))
      } catch {
        // A job's own transactions fail with SQLite's words: a damaged page stays damaged, a full disk does not.
        let known =
          error as? MoultError
          ?? (error as? DatabaseError).map { MoultError($0, path: resources.directory.databasePath) }
        guard let known else { throw error }
        if known.code == .cancelled { throw CancellationError() }
        // Not even the least was there.
        if let lacking = resources.waitingForRoom(known, needed: { DiskNeed.least }) as? JobLacksRoom {
          throw lacking
        }
        throw EngineJobFailure(error: known)
      }
    }
  }

  private func collection(_ id: Int64) throws -> Collection {
    guard let collection = aliases.current.collections.values.first(where: { $0.id == id }) else {
      if let damage = aliases.current.damaged.values.first {
        throw MoultError(
          .corrupted, "the job's collection was dropped, or could not be opened: \(damage.message)")
      }
      throw MoultError(.collectionNotFound, "the job's collection was dropped")
    }
    return collection
  }
}
