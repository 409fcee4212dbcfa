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
    registry.register(SwitchJob.kind) { record, context in
      try await translatingErrors {
        let arguments = try JSONDecoder().decode(SwitchJob.Arguments.self, from: record.arguments)
        return try await SwitchJob(
          resources: resources, collection: try collection(arguments.collection), arguments: arguments,
          context: context
        ).run()
      }
    }
    registry.register(IndexJob.kind) { record, context in
      try await translatingErrors {
        let arguments = try JSONDecoder().decode(Upkeep.Arguments.self, from: record.arguments)
        return try await IndexJob(
          resources: resources, collection: try collection(arguments.collection), context: context
        ).run()
      }
    }
    registry.register(MergeJob.kind) { record, context in
      try await translatingErrors {
        let arguments = try JSONDecoder().decode(Upkeep.Arguments.self, from: record.arguments)
        return try await MergeJob(
          resources: resources, collection: try collection(arguments.collection), context: context
        ).run()
      }
    }
    registry.register(ReindexJob.kind) { record, context in
      try await translatingErrors {
        let arguments = try JSONDecoder().decode(ReindexJob.Arguments.self, from: record.arguments)
        return try await ReindexJob(
          resources: resources, aliases: aliases, names: names, source: try collection(arguments.source),
          arguments: arguments, context: context, pace: resources.pace(arguments.limits, of: context)
        ).run()
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

  private func translatingErrors<Result>(_ body: () async throws -> Result) async throws -> Result {
    do {
      return try await body()
    } catch let error as MoultError {
      if error.code == .cancelled { throw CancellationError() }
      throw EngineJobFailure(error: error)
    } catch let error as DatabaseError {
      // A job's own transactions: a damaged page stays damaged, so that waiting would not help.
      throw EngineJobFailure(error: MoultError(error, path: resources.directory.databasePath))
    }
  }
}
