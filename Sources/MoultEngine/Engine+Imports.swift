import Foundation
import MoultJobs
package import MoultModel
import MoultStorage

// Files that are read in the background, on the queue of jobs.
extension Engine {
  /// What jobs that import files are called.
  package static let importKind = ImportJob.kind
  /// The phase in which their points become visible.
  package static let importCommitPhase = ImportJob.commitPhase
  /// The phase of those that wait for a commit.
  package static let importStagedPhase = ImportJob.stagedPhase

  /// Names who reads the files of imports; jobs that waited for it begin at their next attempt.
  package func readImports(with source: any ImportSource) { resources.importing.set(source) }

  /// - Parameters:
  ///   - order: JSON for the source of imports.
  ///   - waits: whether its points become visible when ``commitImport(_:)`` is called, and not as soon as they are staged.
  /// - Throws: `collectionNotFound`, `collectionNotReady`, `switchInProgress` while a reindex copies the collection.
  package func startImport(into name: String, order: String, waits: Bool = false) async throws -> JobInfo {
    let requester = Requester.name
    let id = try await names.run {
      let collection = try aliases.resolveReady(name)
      let arguments = try JSONEncoder().encode(
        ImportJob.Arguments(collection: collection.id, order: order))
      return try await resources.directory.write { [resources] db in
        let reindex = try resources.queue.unfinished(subject: collection.name, in: db).first {
          ReindexJob.kinds.contains($0.kind)
        }
        if let reindex {
          throw MoultError(
            .switchInProgress,
            "job \(reindex.id) copies collection '\(collection.name)' and would leave behind what is imported after its end; "
              + "wait for it, or cancel it first")
        }
        return try resources.queue.enqueue(
          in: db, kind: ImportJob.kind, subject: collection.name, arguments: arguments,
          options: .init(heldUntil: waits ? JobQueue.untilReleased : nil, requestedBy: requester))
      }
    }
    return try job(id)
  }

  /// Lets an import whose points are staged make them visible; it does so soon after. Again is harmless.
  ///
  /// - Throws: `jobNotFound`, also for jobs of other kinds; `jobStateConflict` for one that is not so far, or has failed or
  ///   was cancelled.
  package func commitImport(_ id: Int64) async throws -> JobInfo {
    try await resources.directory.write { [resources] db in
      try self.translatingJobErrors {
        let job = try resources.queue.record(id, in: db)
        guard job.kind == ImportJob.kind else {
          throw MoultError(.jobNotFound, "job \(id) is no import but a \(job.kind)")
        }
        if job.state == .completed || (!job.state.isFinal && job.heldUntil == nil) { return JobInfo(job) }
        // After a restart it looks again at what it waits for.
        guard !job.state.isFinal, job.state == .held || job.progress.phase == ImportJob.stagedPhase else {
          throw MoultError(
            .jobStateConflict,
            "import \(id) is \(job.state.rawValue); it is committed once all of its points are staged (held)")
        }
        return JobInfo(try resources.queue.hold(id, until: nil, in: db))
      }
    }
  }

  /// Drops what an import has staged.
  ///
  /// - Parameter waits: whether it was started to wait for ``commitImport(_:)``: once that was answered, it stays.
  /// - Throws: `jobNotFound`, also for jobs of other kinds; `jobStateConflict` for one that is committed, or has ended.
  package func abortImport(_ id: Int64, waits: Bool) async throws -> JobInfo {
    let info = try await resources.directory.write { [resources] db in
      try self.translatingJobErrors {
        let job = try resources.queue.record(id, in: db)
        guard job.kind == ImportJob.kind else {
          throw MoultError(.jobNotFound, "job \(id) is no import but a \(job.kind)")
        }
        guard !waits || job.heldUntil != nil || job.state.isFinal else {
          throw MoultError(.jobStateConflict, "import \(id) is committed, abort not allowed")
        }
        return JobInfo(try resources.queue.cancel(id, in: db))
      }
    }
    if info.state == .cancelled { await discardUnfinished(of: id) }
    return info
  }

  /// Imports into a collection that have not ended.
  ///
  /// - Parameter name: the collection's own.
  package func unfinishedImports(into name: String) throws -> [JobInfo] {
    try resources.queue.unfinished(subject: name).filter { $0.kind == ImportJob.kind }.map { JobInfo($0) }
  }

  /// The order of an import job. - Throws: `jobNotFound`, also for jobs of other kinds.
  package func importOrder(_ id: Int64) throws -> String {
    let record = try translatingJobErrors { try resources.queue.record(id) }
    guard record.kind == ImportJob.kind else {
      throw MoultError(.jobNotFound, "job \(id) is no import but a \(record.kind)")
    }
    return try JSONDecoder().decode(ImportJob.Arguments.self, from: record.arguments).order
  }
}
