import Foundation
import GRDB
import MoultJobs
import MoultModel
import MoultStorage

/// The transaction that moves a collection's pointer, and what it does to the snapshot.
enum GenerationSwap {
  /// - Parameter job: what does it, for the history.
  /// - Returns: the new current generation, and the files of generations that are not kept any longer.
  static func publish(
    _ generation: Int64, of collection: Int64, report: SwitchReport?, job: JobRecord, catalog: Catalog,
    in db: Database
  ) throws -> (GenerationRecord, [String]) {
    if let report {
      let text = String(decoding: try JSONEncoder().encode(report), as: UTF8.self)
      try catalog.updateGeneration(generation, report: text, in: db)
    }
    let swap = try catalog.publishGeneration(generation, of: collection, in: db)
    let isReindex = ReindexJob.kinds.contains(job.kind)
    try catalog.record(
      HistoryEntry(
        action: isReindex ? .collectionReindexed : .generationSwitched,
        name: try catalog.collection(collection, in: db).name, before: isReindex ? nil : swap.previous?.label,
        after: swap.current.label, job: job.id, requestedBy: job.requestedBy), in: db)
    var obsolete: [String] = []
    for superseded in swap.superseded {
      obsolete += try catalog.deleteGeneration(superseded.id, in: db)
    }
    return (swap.current, obsolete)
  }
}

extension CollectionSnapshot {
  /// `building` becomes live, live becomes previous, previous is let go.
  func swapped(to record: GenerationRecord, report: SwitchReport?) -> CollectionSnapshot {
    guard var next = building, next.id == record.id else { return self }
    next.publishedAt = record.publishedAt
    next.report = report
    var snapshot = self
    snapshot.previous = live
    snapshot.live = next
    snapshot.building = nil
    return snapshot
  }
}
