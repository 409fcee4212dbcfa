internal import HTTPTypes
internal import Hummingbird
internal import MoultEngine
internal import MoultModel
internal import ServiceLifecycle

extension AdminAPI {
  private static let waitSecondsMax = 30

  func addJobRoutes(to group: GuardedRoutes) {
    group.on(.get, "jobs", .read) { request, _ in
      let parameters = try QueryParameters(request, known: ["state", "subject", "limit"])
      let jobs = try engine.jobs(
        state: try parameters.word("state", JobInfo.State.self), subject: parameters.string("subject"),
        limit: try parameters.int("limit", in: 1...10_000) ?? 100)
      return try Self.answer(["jobs": jobs])
    }
    group.on(.get, "jobs/{id}", .read) { request, context in
      let parameters = try QueryParameters(request, known: ["wait"])
      let job = try engine.job(try Self.jobID(context))
      guard let seconds = try parameters.int("wait", in: 0...Self.waitSecondsMax), seconds > 0,
        !job.state.isFinal
      else { return try Self.answer(job) }
      return try Self.answer(try await waitForChange(of: job, seconds: seconds))
    }
    group.on(.get, "jobs/{id}/status", .read) { _, context in
      try Self.answer(try engine.jobStatus(try Self.jobID(context)))
    }
    group.on(.get, "collections/{name}/status", .read) { _, context in
      let status = try engine.collectionStatus(try context.pathPart("name"))
      return try Self.answer(
        status, servedBy: ServedBy(collection: status.collection, generation: status.generation))
    }
    group.on(.post, "jobs/{id}/throttle", .write) { request, context in
      let id = try Self.jobID(context)
      let change = try await fields(of: request).fields.jobLimitsChange()
      return try Self.answer(try await engine.throttleJob(id, change))
    }
    group.on(.post, "jobs/{id}/cancel", .write) { _, context in
      try Self.answer(try await engine.cancelJob(try Self.jobID(context)))
    }
    group.on(.post, "jobs/{id}/pause", .write) { _, context in
      try Self.answer(try await engine.pauseJob(try Self.jobID(context)))
    }
    group.on(.post, "jobs/{id}/resume", .write) { _, context in
      try Self.answer(try await engine.resumeJob(try Self.jobID(context)))
    }
    group.on(.post, "jobs/{id}/priority", .write) { request, context in
      let id = try Self.jobID(context)
      let fields = try await fields(of: request).fields
      try fields.refuseOthers(than: ["priority"])
      guard let priority = try fields.int("priority") else {
        throw fields.missing("priority", expected: "an integer")
      }
      return try Self.answer(try await engine.setJobPriority(priority, of: id))
    }
    group.on(.post, "jobs/{id}/hold", .write) { request, context in
      let id = try Self.jobID(context)
      let fields = try await fields(of: request).fields
      try fields.refuseOthers(than: ["until"])
      guard let until = try fields.moment("until") else {
        throw fields.missing("until", expected: #"milliseconds since 1970 or "manual""#)
      }
      return try Self.answer(try await engine.holdJob(id, until: until))
    }
    group.on(.post, "jobs/{id}/release", .write) { _, context in
      try Self.answer(try await engine.holdJob(try Self.jobID(context), until: nil))
    }
    group.on(.post, "jobs/{id}/retry", .write) { _, context in
      try Self.answer(try await engine.retryJob(try Self.jobID(context)))
    }
  }

  /// The job as soon as it differs from `job`. A server that is asked to end does not wait for that.
  private func waitForChange(of job: JobInfo, seconds: Int) async throws -> JobInfo {
    do {
      return try await cancelWhenGracefulShutdown {
        try await engine.waitForJob(job.id, changedSince: job, seconds: Double(seconds))
      }
    } catch is CancellationError {
      return try engine.job(job.id)
    }
  }

  private static func jobID(_ context: Context) throws -> Int64 {
    let text = try context.pathPart("id")
    guard let id = Int64(text) else {
      throw MoultError(.invalidArgument, "a job's id is an integer, got '\(text.prefix(100))'")
    }
    return id
  }
}
