import Foundation
import MoultJobs
package import MoultModel
import MoultStorage

// Files that are read in the background, on the queue of jobs.
extension Engine {
  /// What jobs that import files are called.
  package static let importKind = ImportJob.kind

  /// Names who reads the files of imports; jobs that waited for it begin at their next attempt.
  package func readImports(with source: any ImportSource) { resources.importing.set(source) }

  /// - Parameter order: JSON for the source of imports.
  /// - Throws: `collectionNotFound`, `collectionNotReady`, `switchInProgress` while a reindex copies the collection.
  package func startImport(into name: String, order: String) async throws -> JobInfo {
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
          options: .init(requestedBy: requester))
      }
    }
    return try job(id)
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
