import Foundation
import MoultJobs
package import MoultModel
import MoultStorage

extension Engine {
  /// Newest first.
  package func jobs(state: JobInfo.State? = nil, subject: String? = nil, limit: Int = 100) throws -> [JobInfo]
  {
    guard (1...10_000).contains(limit) else {
      throw MoultError(.invalidArgument, "limit must be in 1 … 10000, got \(limit)")
    }
    return try translatingJobErrors {
      try resources.publication.hold {
        try resources.queue.list(
          state: state.flatMap { JobState(rawValue: $0.rawValue) }, subject: subject, limit: limit)
      }.map { JobInfo($0) }
    }
  }

  /// - Throws: `jobNotFound`.
  package func job(_ id: Int64) throws -> JobInfo {
    try translatingJobErrors { JobInfo(try resources.publication.hold { try resources.queue.record(id) }) }
  }

  /// A running job stops at its next tile; the live generation is untouched.
  ///
  /// - Throws: `jobNotFound`, `jobStateConflict` when it has ended.
  package func cancelJob(_ id: Int64) async throws -> JobInfo {
    let info = try translatingJobErrors { JobInfo(try resources.queue.cancel(id)) }
    // A job that was not running left what an earlier attempt had built.
    if info.state == .cancelled { await discardUnfinished(of: id) }
    return info
  }

  /// Lays a job aside: a running one at its next tile, with what it has done. It stays so over restarts, and keeps
  /// other switches away from its collection.
  ///
  /// - Throws: `jobNotFound`, `jobStateConflict` when it has ended or was asked to.
  package func pauseJob(_ id: Int64) async throws -> JobInfo {
    try translatingJobErrors { JobInfo(try resources.queue.pause(id)) }
  }

  /// - Throws: `jobNotFound`, `jobStateConflict` unless paused.
  package func resumeJob(_ id: Int64) async throws -> JobInfo {
    try translatingJobErrors { JobInfo(try resources.queue.resume(id)) }
  }

  /// Moves a job before or behind others that wait.
  ///
  /// - Throws: `jobNotFound`, `invalidArgument`, `jobStateConflict` when it has ended.
  package func setJobPriority(_ priority: Int, of id: Int64) async throws -> JobInfo {
    try Self.check(priority: priority, swapAt: nil)
    return try translatingJobErrors { JobInfo(try resources.queue.setPriority(priority, of: id)) }
  }

  /// Puts off the moment at which a switch or reindex goes live, or brings it forward; `nil` lets it go live now. It
  /// does everything else before, and stays up to date with writes while it waits.
  ///
  /// - Parameter until: milliseconds since 1970; `JobInfo.untilReleased` waits for a person.
  /// - Throws: `jobNotFound`, `invalidArgument`, `jobStateConflict` when it has ended.
  package func holdJob(_ id: Int64, until: Int64?) async throws -> JobInfo {
    try Self.check(priority: 0, swapAt: until)
    return try translatingJobErrors {
      let job = try resources.queue.record(id)
      guard !Upkeep.kinds.contains(job.kind) else {
        throw MoultError(
          .invalidArgument,
          "job \(id) is upkeep (\(job.kind)): nothing of it goes live. Pause it instead: `moult jobs pause \(id)`"
        )
      }
      return JobInfo(
        try resources.queue.hold(id, until: until.map { Date(timeIntervalSince1970: Double($0) / 1_000) }))
    }
  }

  /// - Throws: `invalidArgument`.
  static func check(priority: Int, swapAt: Int64?) throws {
    guard JobInfo.priorities.contains(priority) else {
      throw MoultError(
        .invalidArgument,
        "priority must be in \(JobInfo.priorities.lowerBound) … \(JobInfo.priorities.upperBound), got \(priority)"
      )
    }
    if let swapAt, !(0...JobInfo.untilReleased).contains(swapAt) {
      throw MoultError(
        .invalidArgument,
        "a time is in milliseconds since 1970, 0 … \(JobInfo.untilReleased) (or \"manual\"), got \(swapAt)")
    }
  }

  /// Changes the limits of a switch or reindex; one that runs obeys within a second, and it lasts over restarts.
  ///
  /// - Throws: `jobNotFound`, `invalidArgument` (out of range, too little memory, upkeep), `jobStateConflict` when it
  ///   has ended.
  package func throttleJob(_ id: Int64, _ change: JobLimitsChange) async throws -> JobInfo {
    let record = try await resources.directory.write { [resources] db in
      try self.translatingJobErrors {
        let job = try resources.queue.record(id, in: db)
        let arguments =
          switch job.kind {
          case SwitchJob.kind: try self.throttled(job, change, of: SwitchJob.Arguments.self, on: \.collection)
          case ReindexJob.kind, ReindexJob.embeddingKind:
            try self.throttled(job, change, of: ReindexJob.Arguments.self, on: \.source)
          default:
            throw MoultError(
              .invalidArgument,
              "job \(id) is upkeep (\(job.kind)), which keeps to the limits of `moult serve` alone")
          }
        return try resources.queue.setArguments(arguments, of: id, in: db)
      }
    }
    // After the commit: a job that begins meanwhile reads them itself.
    try resources.work[id]?.pace.set(resources.limits(of: record))
    return JobInfo(record)
  }

  private func throttled<Arguments: LimitedArguments>(
    _ job: JobRecord, _ change: JobLimitsChange, of type: Arguments.Type,
    on collection: KeyPath<Arguments, Int64>
  ) throws -> Data {
    var arguments = try JSONDecoder().decode(type, from: job.arguments)
    let limits = change.applied(to: arguments.limits ?? JobLimits())
    try limits.validate()
    let id = arguments[keyPath: collection]
    if let collection = aliases.current.collections.values.first(where: { $0.id == id }) {
      try SwitchBill(
        resources: resources, collection: collection, specification: arguments.specification,
        copiesVectors: ReindexJob.kinds.contains(job.kind)
      ).checkMemory(limits.or(resources.configuration.jobLimits))
    }
    arguments.limits = limits == JobLimits() ? nil : limits
    return try JSONEncoder().encode(arguments)
  }

  /// - Throws: `jobNotFound`, `jobStateConflict` unless failed or cancelled.
  package func retryJob(_ id: Int64) async throws -> JobInfo {
    try translatingJobErrors { JobInfo(try resources.queue.retry(id)) }
  }

  /// Waits until the job's record differs from `since` or `seconds` have passed; for long polling.
  package func waitForJob(_ id: Int64, changedSince since: JobInfo?, seconds: Double) async throws -> JobInfo
  {
    let first = try job(id)
    guard since == nil || first == since, !first.state.isFinal, seconds > 0 else { return first }
    let (queue, publication) = (resources.queue, resources.publication)
    return try await withThrowingTaskGroup(of: JobInfo?.self) { group in
      group.addTask {
        for try await record in queue.watch(id) {
          let info = JobInfo(record)
          // Once the lock is free, a swap that this record speaks of is in effect.
          publication.pass()
          if info != since ?? first { return info }
        }
        return nil
      }
      group.addTask {
        try await Task.sleep(for: .seconds(seconds))
        return nil
      }
      let changed = try await group.next() ?? nil
      group.cancelAll()
      return try changed ?? self.job(id)
    }
  }

  func discardUnfinished(of id: Int64) async {
    guard let record = try? resources.queue.record(id), let checkpoint = record.checkpoint else { return }
    if record.kind == ImportJob.kind { return StagedPoints.remove(of: id, in: resources.directory) }
    if let unfinished = try? JSONDecoder().decode(SwitchJob.Checkpoint.self, from: checkpoint),
      let collection = aliases.current.collections[record.subject], record.kind == SwitchJob.kind
    {
      await GenerationDisposal(resources: resources, collection: collection)
        .detach(unfinished.generation, discard: true)
    }
    if let unfinished = try? JSONDecoder().decode(ReindexJob.Checkpoint.self, from: checkpoint),
      ReindexJob.kinds.contains(record.kind),
      let target = aliases.current.collections.values.first(where: { $0.id == unfinished.target })
    {
      await resources.closeBridge(of: id, target: target.id)
      await GenerationDisposal(resources: resources, collection: target).discardCollection(
        names: names, aliases: aliases)
    }
  }

  func translatingJobErrors<Result>(_ body: () throws -> Result) throws -> Result {
    do {
      return try body()
    } catch let error as JobError {
      switch error {
      case .notFound: throw MoultError(.jobNotFound, error.description)
      case .wrongState, .neededEnded: throw MoultError(.jobStateConflict, error.description)
      case .leaseLost, .unknownState: throw MoultError(.internalError, error.description)
      }
    } catch {
      throw MoultError.translating(error, path: resources.directory.databasePath)
    }
  }
}

extension JobInfo {
  init(_ record: JobRecord) {
    let result = record.result.flatMap { try? JSONDecoder().decode(SwitchJob.Result.self, from: $0) }
    let unfinished =
      record.kind == ReindexJob.embeddingKind && result == nil
      ? record.checkpoint.flatMap { try? JSONDecoder().decode(ReindexJob.Checkpoint.self, from: $0) } : nil
    let filled =
      record.kind == FieldEmbeddingJob.kind
      ? record.result.flatMap { try? JSONDecoder().decode(FieldEmbeddingJob.Result.self, from: $0) }?
        .embedding
        ?? record.checkpoint.flatMap {
          try? JSONDecoder().decode(FieldEmbeddingJob.Checkpoint.self, from: $0)
        }?.embedding.report : nil
    func milliseconds(_ date: Date?) -> Int64? {
      date.map { Int64(($0.timeIntervalSince1970 * 1000).rounded()) }
    }
    self.init(
      id: record.id, kind: record.kind, subject: record.subject,
      state: JobInfo.State(record.state), attempt: record.attempt, attemptsMax: record.attemptsMax,
      progress: Progress(
        phase: record.progress.phase, rowsDone: record.progress.rowsDone,
        rowsTotal: record.progress.rowsTotal,
        rowsPerSecond: record.progress.rowsPerSecond, etaSeconds: record.progress.etaSeconds),
      createdAt: milliseconds(record.createdAt) ?? 0, startedAt: milliseconds(record.startedAt),
      finishedAt: milliseconds(record.finishedAt), runAt: milliseconds(record.runAt) ?? 0,
      cancelRequested: record.cancelRequested, error: record.error, errorCode: record.errorCode,
      report: result?.report, generation: result?.generation, priority: record.priority,
      heldUntil: milliseconds(record.heldUntil), pauseRequested: record.pauseRequested,
      requestedBy: record.requestedBy, after: record.after.isEmpty ? nil : record.after,
      roomNeeded: record.state.isFinal ? nil : record.roomNeeded,
      embedding: result?.embedding ?? unfinished?.embedding?.report ?? filled)
  }
}

extension JobInfo.State {
  init(_ state: JobState) {
    switch state {
    case .available: self = .available
    case .running: self = .running
    case .retrying: self = .retrying
    case .held: self = .held
    case .paused: self = .paused
    case .completed: self = .completed
    case .failed: self = .failed
    case .cancelled: self = .cancelled
    }
  }
}
