internal import ArgumentParser
internal import MoultModel

/// `moult status`: how a collection or job stands, in one line.
struct StatusCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "status",
    abstract: "Say in one line how a collection or a job stands.",
    discussion: """
      The exit status says it too: 0 live, 3 a job is at work, 4 the last one did not pass its gate, 5 it failed or \
      was cancelled. With -w it follows the job to its end. lag: writes that the new form does not have yet; ram: what \
      the server has more on its heap than when the job began; p99: of searches beside the job against those without.
      """)

  @Argument(help: JobReference.help)
  var reference: JobReference
  @Flag(name: .shortAndLong, help: "Say it again whenever it changes, until the job has ended.")
  var watch = false
  @OptionGroup var server: ServerOptions
  @OptionGroup var output: OutputOptions

  /// Between two looks.
  private static let interval = Duration.seconds(1)

  /// What was seen, and the job that decides the exit status: one that has not ended, else the last.
  private struct Look: Sendable {
    var value: StatusAnswer
    var job: JobInfo?
    var text: String
  }

  func run() async throws {
    let isSettled = try await server.withClient { client -> Bool in
      guard watch else { return try settle(try await look(client)) }
      let ended = try await Interrupt.race { try await follow(client) }
      guard let ended else {
        throw CommandFailure(.detached, "no longer watching; `moult status` looks again")
      }
      return try settle(ended, isShown: true)
    }
    if !isSettled { throw ExitCode(CommandStatus.detached.rawValue) }
  }

  /// - Returns: whether nothing is at work.
  private func settle(_ look: Look, isShown: Bool = false) throws -> Bool {
    if !isShown { try output.put(look.value) { _ in look.text } }
    guard let job = look.job else { return true }
    guard job.state.isFinal else { return false }
    try JobWatcher.requireCompleted(job)
    return true
  }

  private func follow(_ client: AdminClient) async throws -> Look {
    var said: String?
    while true {
      let look = try await look(client)
      if look.text != said { try output.put(look.value) { _ in look.text } }
      said = look.text
      if look.job?.state.isFinal ?? true { return look }
      try await Task.sleep(for: Self.interval)
    }
  }

  private func look(_ client: AdminClient) async throws -> Look {
    switch reference {
    case .id(let id):
      let status = try await client.jobStatus(id)
      return Look(value: .job(status), job: status.job, text: StatusLine.text(status))
    case .collection(let name):
      let status = try await client.collectionStatus(name)
      let asked = status.jobs.filter { !$0.job.isUpkeep }
      return Look(
        value: .collection(status), job: asked.first?.job ?? status.last,
        text: asked.isEmpty
          ? StatusLine.text(status) : asked.map { StatusLine.text($0) }.joined(separator: "\n"))
    }
  }
}

/// Either kind of status, as the server has answered it.
enum StatusAnswer: Encodable, Sendable {
  case job(JobStatus)
  case collection(CollectionStatus)

  func encode(to encoder: any Encoder) throws {
    switch self {
    case .job(let status): try status.encode(to: encoder)
    case .collection(let status): try status.encode(to: encoder)
    }
  }
}
