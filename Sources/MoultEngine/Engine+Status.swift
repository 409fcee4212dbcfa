import Foundation
import GRDB
import MoultJobs
package import MoultModel
import MoultStorage

extension Engine {
  /// How a job stands at this moment.
  ///
  /// - Throws: `jobNotFound`.
  package func jobStatus(_ id: Int64) throws -> JobStatus {
    try status(of: translatingJobErrors { try resources.publication.hold { try resources.queue.record(id) } })
  }

  /// How a collection stands: the jobs on it that have not ended, and the newest one that a person has asked for.
  ///
  /// - Throws: `collectionNotFound`.
  package func collectionStatus(_ name: String) throws -> CollectionStatus {
    let collection = try aliases.resolve(name)
    let records = try resources.publication.hold {
      try resources.queue.list(subject: collection.name, limit: 1_000)
    }
    let asked = records.filter { !Upkeep.kinds.contains($0.kind) }
    let unfinished = records.reversed().filter { !$0.state.isFinal }
    let snapshot = collection.snapshot
    return CollectionStatus(
      collection: collection.name, generation: snapshot.live.id, specification: snapshot.live.specification,
      rows: snapshot.liveCount,
      jobs: try
        (unfinished.filter { !Upkeep.kinds.contains($0.kind) }
        + unfinished.filter { Upkeep.kinds.contains($0.kind) }).map { try status(of: $0) },
      last: asked.first.flatMap { $0.state.isFinal ? JobInfo($0) : nil })
  }

  private func status(of record: JobRecord) throws -> JobStatus {
    var status = JobStatus(job: JobInfo(record), limits: try resources.limits(of: record))
    if status.job.roomNeeded != nil {
      status.diskFree = try resources.directory.fileSystem.freeBytes(at: resources.directory.path)
    }
    let work = record.state == .running ? resources.work[record.id] : nil
    if let work {
      status.memoryBytes = work.memoryBytes.flatMap { before in FreeMemory.ofProcess.map { $0 - before } }
      status.p99Change = resources.searchLatencies.p99Change
    }
    let decoder = JSONDecoder()
    switch record.kind {
    case SwitchJob.kind:
      let checkpoint = try record.checkpoint.map { try decoder.decode(SwitchJob.Checkpoint.self, from: $0) }
      status.gate = gate(record, checkpoint?.verdict)
      guard !record.state.isFinal, let checkpoint else { break }
      status.building = checkpoint.generation
      if let snapshot = aliases.current.collections[record.subject]?.snapshot, let work {
        // Once it is attached the writer keeps it up to date.
        let nextRow = aliases.current.collections[record.subject]?.nextRow ?? work.nextRow
        status.lagOperations =
          snapshot.building?.id == checkpoint.generation ? 0 : Int(max(0, nextRow - work.nextRow))
      }
    case ReindexJob.kind, ReindexJob.embeddingKind:
      let checkpoint = try record.checkpoint.map { try decoder.decode(ReindexJob.Checkpoint.self, from: $0) }
      status.gate = gate(record, checkpoint?.verdict)
      guard !record.state.isFinal, let checkpoint else { break }
      status.building = checkpoint.generation
      // Known as soon as it answers, and saved with the next progress.
      if let open = resources.bridges[target: checkpoint.target] {
        status.job.embedding?.bridge = open.bridge.report
      }
      if let source = aliases.current.collections[record.subject] {
        let died = try resources.directory.read { db in
          try source.points.diedCount(afterSequence: checkpoint.sequence, in: db)
        }
        // Rows that were there when the copy began are still to be copied, which is no lag.
        let written = source.nextRow - max(checkpoint.row + 1, work?.nextRow ?? 0)
        status.lagOperations = Int(max(0, written)) + died
      }
    default: break
    }
    return status
  }

  private func gate(_ record: JobRecord, _ verdict: Verdict?) -> JobStatus.Gate {
    if record.errorCode == MoultError.Code.recallGateFailed.rawValue { return .failed }
    return verdict != nil || record.state == .completed ? .passed : .pending
  }
}
