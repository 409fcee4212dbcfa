internal import ArgumentParser
internal import MoultModel

/// `moult reindex`: a copy of a collection in another form, and an alias that moves to it.
struct ReindexCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "reindex",
    abstract: "Copy a live collection, payload and all, into a new one of another form.",
    discussion: """
      Writes that arrive meanwhile are in the copy. With --alias, that alias moves to the new collection in \
      the instant in which it appears.
      """)

  @Argument(help: "The collection to copy, or an alias of it.")
  var source: String
  @Argument(help: "Name of the collection to make.")
  var target: String
  @Option(help: "Alias that moves to the new collection; made when missing.")
  var alias: String?
  @Option(help: "Only if the alias points to this collection when it moves; else nothing changes.")
  var ifCurrent: String?
  @Flag(help: "Say what it would take, and start nothing.")
  var dryRun = false

  @OptionGroup(title: "Form") var encoding: EncodingOptions
  @OptionGroup(title: "Gate") var gate: GateOptions
  @OptionGroup(title: "Limits") var limits: LimitOptions
  @OptionGroup var server: ServerOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    if ifCurrent != nil && alias == nil { throw ValidationError("--if-current is about --alias: give both") }
  }

  func run() async throws {
    try await server.withClient { client in
      let current = try await client.collection(source).generation.specification
      let request = ReindexRequest(
        source: source, target: target, specification: encoding.specification(keeping: current), alias: alias,
        gate: try await gate.request(for: source, client), priority: gate.priority,
        swapAt: gate.swapAt?.milliseconds, ifCurrent: ifCurrent,
        limits: limits.limits, after: gate.after)
      if dryRun { return try output.put(try await client.planReindex(request)) { $0.text } }
      let job = try await client.startReindex(request)
      try await JobOutcome(client: client, output: output, detach: gate.detach).settle(job)
    }
  }
}
