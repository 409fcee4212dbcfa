internal import ArgumentParser
internal import MoultModel

/// `moult jobs`: the work that runs in the server.
struct JobsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "jobs",
    abstract: "List, show, watch, pause, hold, release, cancel or retry background jobs.",
    discussion: """
      Jobs that were given up are `jobs list --state failed`: each keeps its error and its checkpoint, and \
      `jobs retry` lets it go on from there.
      """,
    subcommands: [
      List.self, Show.self, Watch.self, Pause.self, Resume.self, Hold.self, Release.self, Priority.self,
      Cancel.self, Retry.self,
    ], defaultSubcommand: List.self, aliases: ["job"])

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "List jobs, newest first.")

    @Option(
      help: "Only those in this state: \(JobInfo.State.allCases.map(\.rawValue).joined(separator: ", ")).")
    var state: JobInfo.State?
    @Option(help: "Only those of this collection.")
    var collection: String?
    @OptionGroup var list: ListOptions

    func run() async throws {
      let jobs = try await list.server.withClient {
        try await $0.jobs(state: state, subject: collection, limit: list.limit)
      }
      try list.output.put(jobs) { jobs in
        var table = TextTable([
          ("JOB", .right), ("KIND", .left), ("COLLECTION", .left), ("STATE", .left), ("PHASE", .left),
          ("DONE", .right), ("CREATED", .left), ("ERROR", .left),
        ])
        for job in jobs {
          let progress = job.progress
          let share = progress.rowsTotal > 0 ? "\(progress.rowsDone * 100 / progress.rowsTotal) %" : ""
          table.append([
            String(job.id), job.kind, job.subject, job.state.rawValue, progress.phase, share,
            Figure.moment(job.createdAt), String((job.error ?? "").prefix(80)),
          ])
        }
        return table.rendered()
      }
    }
  }

  struct Show: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Show one job.")

    @OptionGroup var job: OneJob

    func run() async throws { try await job.put { try await $0.job($1) } }
  }

  struct Watch: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Follow a job to its end; the exit status says how it ended.")

    @OptionGroup var job: OneJob

    func run() async throws {
      try await job.server.withClient { client in
        let id = try await job.reference.resolve(client)
        let finished = try await JobWatcher(client: client).watch(try await client.job(id))
        try job.output.put(finished, text: JobOutcome.summary)
      }
    }
  }

  struct Pause: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Lay a job aside, with what it has done, until it is resumed; over restarts too.")

    @OptionGroup var job: OneJob

    func run() async throws { try await job.put { try await $0.ask(.pause, of: $1) } }
  }

  struct Resume: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Let a paused job go on.")

    @OptionGroup var job: OneJob

    func run() async throws { try await job.put { try await $0.ask(.resume, of: $1) } }
  }

  struct Hold: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Put off the moment at which a switch or reindex goes live, or bring it forward.")

    @OptionGroup var job: OneJob
    @Option(help: SwapTime.help)
    var until: SwapTime

    func run() async throws { try await job.put { try await $0.holdJob($1, until: until.milliseconds) } }
  }

  struct Release: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Let a held switch or reindex go live now.")

    @OptionGroup var job: OneJob

    func run() async throws { try await job.put { try await $0.ask(.release, of: $1) } }
  }

  struct Priority: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Move a job before or behind others that wait.",
      discussion: "Higher goes first. A step is worth ten minutes of waiting, so nothing waits for ever.")

    @OptionGroup var job: OneJob
    @Argument(help: "\(JobInfo.priorities.lowerBound) … \(JobInfo.priorities.upperBound); jobs start with 0.")
    var priority: Int

    func validate() throws {
      if !JobInfo.priorities.contains(priority) {
        throw ValidationError("the priority must lie in -100 … 100, got \(priority)")
      }
    }

    func run() async throws { try await job.put { try await $0.setJobPriority(priority, of: $1) } }
  }

  struct Cancel: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Ask a job to stop; what is live stays live.")

    @OptionGroup var job: OneJob

    func run() async throws { try await job.put { try await $0.ask(.cancel, of: $1) } }
  }

  struct Retry: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Start a failed or cancelled job again, from its checkpoint.")

    @OptionGroup var job: OneJob

    func run() async throws { try await job.put { try await $0.ask(.retry, of: $1) } }
  }

  /// The job that a command is about, and where its new state is shown.
  struct OneJob: ParsableArguments {
    @Argument(help: JobReference.help)
    var reference: JobReference
    @OptionGroup var server: ServerOptions
    @OptionGroup var output: OutputOptions

    func put(_ request: (AdminClient, Int64) async throws -> JobInfo) async throws {
      let job = try await server.withClient { try await request($0, try await reference.resolve($0)) }
      try output.put(job, text: JobsCommand.text)
    }
  }

  /// One job, line by line.
  fileprivate static func text(_ job: JobInfo) -> String {
    var lines = [
      "job        \(job.id): \(job.kind) of \(job.subject)",
      "state      \(job.state.rawValue)\(Self.request(to: job))",
      "attempt    \(job.attempt) of \(job.attemptsMax)",
      "progress   "
        + ProgressBar.text(
          phase: job.progress.phase, done: job.progress.rowsDone, total: job.progress.rowsTotal,
          rowsPerSecond: job.progress.rowsPerSecond, etaSeconds: job.progress.etaSeconds, bar: false),
      "created    \(Figure.moment(job.createdAt))",
    ]
    if let startedAt = job.startedAt { lines.append("started    \(Figure.moment(startedAt))") }
    if let finishedAt = job.finishedAt { lines.append("finished   \(Figure.moment(finishedAt))") }
    if job.state == .retrying { lines.append("runs again \(Figure.moment(job.runAt))") }
    if let heldUntil = job.heldUntil, !job.state.isFinal {
      lines.append("goes live  not before \(SwapTime(milliseconds: heldUntil))")
    }
    if let waiting = job.waiting { lines.append("waits for  \(waiting)") }
    if job.priority != 0 { lines.append("priority   \(job.priority)") }
    if let error = job.error { lines.append("error      \(error)") }
    if job.report != nil {
      lines.append(JobOutcome.summary(job))
    } else {
      lines += job.embedding?.lines ?? []
    }
    return lines.joined(separator: "\n")
  }

  private static func request(to job: JobInfo) -> String {
    if job.state.isFinal { return "" }
    return job.cancelRequested ? ", asked to stop" : job.pauseRequested ? ", asked to pause" : ""
  }
}
