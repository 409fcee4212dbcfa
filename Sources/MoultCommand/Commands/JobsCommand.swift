internal import ArgumentParser
internal import MoultModel

/// `moult jobs`: the work that runs in the server.
struct JobsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "jobs", abstract: "List, show, watch, cancel or retry background jobs.",
    subcommands: [List.self, Show.self, Watch.self, Cancel.self, Retry.self], defaultSubcommand: List.self)

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "List jobs, newest first.")

    @Option(
      help: "Only those in this state: \(JobInfo.State.allCases.map(\.rawValue).joined(separator: ", ")).")
    var state: JobInfo.State?
    @Option(help: "Only those of this collection.")
    var collection: String?
    @Option(help: "At most this many.")
    var limit = 100
    @OptionGroup var server: ServerOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
      if !(1...10_000).contains(limit) {
        throw ValidationError("--limit must lie in 1 … 10000, got \(limit)")
      }
    }

    func run() async throws {
      let jobs = try await server.withClient {
        try await $0.jobs(state: state, subject: collection, limit: limit)
      }
      try output.put(jobs) { jobs in
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

    @Argument(help: "The job's number.")
    var id: Int64
    @OptionGroup var server: ServerOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
      let job = try await server.withClient { try await $0.job(id) }
      try output.put(job, text: JobsCommand.text)
    }
  }

  struct Watch: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Follow a job to its end; the exit status says how it ended.")

    @Argument(help: "The job's number.")
    var id: Int64
    @OptionGroup var server: ServerOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
      try await server.withClient { client in
        let finished = try await JobWatcher(client: client).watch(try await client.job(id))
        try output.put(finished, text: JobOutcome.summary)
      }
    }
  }

  struct Cancel: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Ask a job to stop; what is live stays live.")

    @Argument(help: "The job's number.")
    var id: Int64
    @OptionGroup var server: ServerOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
      let job = try await server.withClient { try await $0.cancelJob(id) }
      try output.put(job, text: JobsCommand.text)
    }
  }

  struct Retry: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Start a failed or cancelled job again.")

    @Argument(help: "The job's number.")
    var id: Int64
    @OptionGroup var server: ServerOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
      let job = try await server.withClient { try await $0.retryJob(id) }
      try output.put(job, text: JobsCommand.text)
    }
  }

  /// One job, line by line.
  fileprivate static func text(_ job: JobInfo) -> String {
    var lines = [
      "job        \(job.id): \(job.kind) of \(job.subject)",
      "state      \(job.state.rawValue)\(job.cancelRequested && !job.state.isFinal ? ", asked to stop" : "")",
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
    if let error = job.error { lines.append("error      \(error)") }
    if job.report != nil { lines.append(JobOutcome.summary(job)) }
    return lines.joined(separator: "\n")
  }
}
