internal import MoultModel

/// Follows a job to its end and shows its progress. Ctrl-C ends the watching, never the job.
struct JobWatcher {
  let client: AdminClient
  /// Whether progress is shown on stderr.
  var showsProgress = true

  /// Seconds of one long poll; short enough that a terminal's bar does not look stuck.
  private static let pollSeconds = 10

  /// Watches until the job has ended and gives its last record.
  ///
  /// - Throws: a failure with the status `detached` after Ctrl-C, `recallGateFailed` or `jobFailed` when the
  ///   job did not complete.
  func watch(_ job: JobInfo) async throws -> JobInfo {
    let last = try await Interrupt.race { [self] in
      if showsProgress { Console.say("job \(job.id): \(job.kind) of \(job.subject)") }
      return try await follow(job)
    }
    guard let last else {
      throw Self.detached(job.id)
    }
    try Self.requireCompleted(last)
    return last
  }

  /// Waits for the end, whatever it is.
  func follow(_ job: JobInfo) async throws -> JobInfo {
    var bar = ProgressBar()
    var job = job
    var said: String?
    while true {
      if showsProgress { show(job, in: &bar, said: &said) }
      if job.state.isFinal { break }
      do {
        job = try await client.jobWhenChanged(job.id, seconds: Self.pollSeconds)
      } catch var failure as CommandFailure where failure.status == .unreachable {
        bar.clear()
        failure.next =
          "the job is durable and goes on when the server is back; then `moult jobs watch \(job.id)`"
        throw failure
      }
    }
    bar.clear()
    return job
  }

  private func show(_ job: JobInfo, in bar: inout ProgressBar, said: inout String?) {
    if job.state == .retrying, let error = job.error, error != said {
      bar.clear()
      Console.say("attempt \(job.attempt) of \(job.attemptsMax) failed and will be repeated: \(error)")
      said = error
    }
    if let state = Self.standstill(job), state != said {
      bar.clear()
      Console.say(state)
      said = state
    }
    guard job.state == .running || job.state == .available else { return }
    let progress = job.progress
    let phase =
      job.cancelRequested ? "cancelling" : progress.phase.isEmpty ? job.state.rawValue : progress.phase
    bar.show(
      phase: "job \(job.id) \(phase)", done: progress.rowsDone, total: progress.rowsTotal,
      rowsPerSecond: progress.rowsPerSecond, etaSeconds: progress.etaSeconds)
  }

  /// Why nothing moves, and what a person can do about it.
  private static func standstill(_ job: JobInfo) -> String? {
    switch job.state {
    case .paused: "job \(job.id) is paused; `moult resume \(job.id)` lets it go on"
    case .held:
      "job \(job.id) is ready and does not go live before "
        + "\(SwapTime(milliseconds: job.heldUntil ?? 0)); `moult cutover \(job.id)` lets it, now"
    case .available:
      job.waiting.map { "job \(job.id) waits for \($0); `moult cancel \(job.id)` gives it up" }
    default: nil
    }
  }

  static func detached(_ id: Int64) -> CommandFailure {
    CommandFailure(
      .detached, "job \(id) goes on; this command no longer watches it",
      next: "`moult jobs watch \(id)` watches it again, `moult cancel \(id)` stops it")
  }

  /// - Throws: what a job that did not complete means for the command's exit status.
  static func requireCompleted(_ job: JobInfo) throws {
    switch job.state {
    case .completed: return
    case .available, .running, .retrying, .held, .paused: throw detached(job.id)
    case .cancelled:
      throw CommandFailure(
        .jobFailed, "job \(job.id) was cancelled; nothing was swapped",
        next: "`moult jobs retry \(job.id)` starts it again")
    case .failed:
      let reason = job.error ?? "no reason was given"
      if job.errorCode == MoultError.Code.recallGateFailed.rawValue {
        throw CommandFailure(
          .recallGateFailed, "job \(job.id): \(reason)", next: MoultError.Code.recallGateFailed.advice)
      }
      throw CommandFailure(
        .jobFailed, "job \(job.id) failed: \(reason)",
        next: "`moult jobs show \(job.id)` has the details, `moult jobs retry \(job.id)` tries again")
    }
  }
}
