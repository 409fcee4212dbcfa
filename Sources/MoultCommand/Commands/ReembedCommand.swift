public import ArgumentParser
public import MoultModel

extension MissingTextPolicy: ExpressibleByArgument {}

/// `moult reembed`: a copy of a collection with the vectors of another model, and an alias that moves to it.
struct ReembedCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "reembed",
    abstract: "Embed the stored text of a live collection with another model, into a new collection.",
    discussion: """
      The old model answers until the end. Writes that arrive meanwhile are embedded too; with --alias, that alias moves \
      to the new collection in the instant in which it appears, and text queries are embedded by its model from then on. \
      Equal texts are sent once, and no text is paid for twice: vectors are kept on disk, whatever becomes of the job.
      """)

  @Argument(help: "The collection whose texts are embedded, or an alias of it.")
  var source: String
  @Option(help: "Name of the collection to make.")
  var into: String
  @Option(help: "Name of the embedder: `moult embedder list`.")
  var embedder: String
  @Option(help: "What is embedded: names of payload fields in braces, such as '{title}: {body}'.")
  var text: String?
  @Option(help: "Alias that moves to the new collection; made when missing.")
  var alias: String?
  @Option(help: "Only if the alias points to this collection when it moves; else nothing changes.")
  var ifCurrent: String?
  @Option(help: "How nearness is measured; that of the source without.")
  var metric: Metric?
  @Option(
    help: "Of points that lack a field of --text: skip, empty (take the fields that are there) or fail.")
  var missing: MissingTextPolicy = .fail
  @Option(help: "Points whose texts the model refuses, at most; with more nothing goes live.")
  var maxSetAside = 0
  @Option(help: "Pause when so much is spent, by the embedder's price; resumed, it may spend as much again.")
  var budget: Double?
  @Option(help: "Go live only if both models' answers over a sample have this share in common, 0 … 1.")
  var minAgreement = 0.0
  @Flag(help: "Say what it would take, and start nothing.")
  var dryRun = false

  @OptionGroup(title: "Form") var encoding: EncodingOptions
  @OptionGroup(title: "Gate") var gate: GateOptions
  @OptionGroup(title: "Limits") var limits: LimitOptions
  @OptionGroup var server: ServerOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    if ifCurrent != nil && alias == nil { throw ValidationError("--if-current is about --alias: give both") }
    if gate.queries != nil {
      throw ValidationError("--queries are vectors of the old model; the gate of a re-embedding takes none")
    }
    if let text {
      do { _ = try TextTemplate(text) } catch { throw ValidationError(error.message) }
    }
  }

  func run() async throws {
    try await server.withClient { client in
      let current = try await client.collection(source).generation.specification
      let request = ReembedRequest(
        source: source, target: into, embedder: embedder, text: text,
        specification: encoding.specification(keeping: EncodingSpecification(index: current.index)),
        alias: alias, ifCurrent: ifCurrent, metric: metric, missing: missing, maximumSetAside: maxSetAside,
        budget: budget, minimumAgreement: minAgreement,
        gate: RecallGateRequest(minimumRecall: gate.minRecall, maximumLoss: gate.maxLoss),
        priority: gate.priority, swapAt: gate.swapAt?.milliseconds, limits: limits.limits, after: gate.after)
      if dryRun { return try output.put(try await client.planReembed(request)) { $0.text } }
      let job = try await client.startReembed(request)
      try await JobOutcome(client: client, output: output, detach: gate.detach).settle(job)
    }
  }
}
