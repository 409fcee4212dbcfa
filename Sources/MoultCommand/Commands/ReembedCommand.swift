internal import ArgumentParser
internal import MoultModel

/// `moult reembed`: a copy of a collection with the vectors of another model, and an alias that moves to it.
struct ReembedCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "reembed",
    abstract:
      "Embed the stored text of a live collection with another model, into a new collection or a field.",
    discussion: """
      The old model answers until the end. --queries is a file of texts whose right answers are known, JSON lines such as \
      {"text": "a small wild cat", "relevant": [17, 23]} (or "id", or "row", for one), plain or gzip: both models are \
      asked them before the cut-over, and the report says how nDCG@10 and recall@10 change. Writes that arrive meanwhile are embedded too; with --alias, that alias moves \
      to the new collection in the instant in which it appears, and text queries are embedded by its model from then on. \
      Equal texts are sent once, and no text is paid for twice: vectors are kept on disk, whatever becomes of the job.
      """)

  @Argument(help: "The collection whose texts are embedded, or an alias of it.")
  var source: String
  @Option(help: "Name of the collection to make.")
  var into: String?
  @Option(
    help: ArgumentHelp(
      "In place of --into: a vector field of the collection itself, made when missing, filled with vectors of the stored "
        + "texts and of those that come; searched as collection:field.", valueName: "name"))
  var field: String?
  @Flag(
    help: ArgumentHelp(
      "In place of --embedder: --field is a sparse vector that the server makes of the text by BM25, for what is there and "
        + "with each write; Qdrant's clients query it beside dense ones."))
  var bm25 = false
  @Option(help: "Of --bm25: words of a text on average.")
  var averageLength: Double?
  @OptionGroup var asked: ReembedTextOptions
  @Option(help: "Alias that moves to the new collection; made when missing.")
  var alias: String?
  @Option(help: "Only if the alias points to this collection when it moves; else nothing changes.")
  var ifCurrent: String?
  @Option(help: "How nearness is measured; that of the source without.")
  var metric: Metric?
  @Option(help: "Points whose texts the model refuses, at most; with more nothing goes live.")
  var maxSetAside = 0
  @Option(help: "Pause when so much is spent, by the embedder's price; resumed, it may spend as much again.")
  var budget: Double?
  @Option(help: "Go live only if both models' answers over a sample have this share in common, 0 … 1.")
  var minAgreement = 0.0
  @Option(
    help: ArgumentHelp(
      "Go live only if nDCG@10 surely falls by no more than this, 0 … 1, over the labelled --queries.",
      valueName: "share"))
  var maxLabelledLoss: Double?
  @Flag(
    inversion: .prefixedNo,
    help: "Answer queries of the new model before the end, by maps between both models fitted to a sample.")
  var bridge = true
  @Flag(help: "Say what it would take, and start nothing; the same as `moult plan --embedder`.")
  var dryRun = false

  @OptionGroup(title: "Form") var encoding: EncodingOptions
  @OptionGroup(title: "Gate") var gate: GateOptions
  @OptionGroup(title: "Limits") var limits: LimitOptions
  @OptionGroup var server: ServerOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    if ifCurrent != nil && alias == nil { throw ValidationError("--if-current is about --alias: give both") }
    if (into == nil) == (field == nil) { throw ValidationError("give --into or --field") }
    if field != nil && (alias != nil || gate.queries != nil) {
      throw ValidationError("--alias and --queries are about --into")
    }
    if maxLabelledLoss != nil && gate.queries == nil {
      throw ValidationError("--max-labelled-loss is about --queries: give both")
    }
    if bm25 {
      guard field != nil, asked.text != nil else {
        throw ValidationError("--bm25 goes with --field and --text")
      }
      if asked.embedder != nil { throw ValidationError("give --embedder or --bm25") }
      if dryRun { throw ValidationError("--bm25 asks no model and costs nothing: there is no plan of it") }
      return
    }
    if averageLength != nil { throw ValidationError("--average-length is about --bm25") }
    if asked.embedder == nil {
      throw ValidationError("give --embedder; `moult embedder list` shows what there is")
    }
  }

  func run() async throws {
    try await server.withClient { client in
      let current = try await client.collection(source).generation.specification
      let labelled = try gate.queries.map { try LabelledQueryFile.read($0) } ?? []
      let request = ReembedRequest(
        source: source, target: into, field: field, embedder: asked.embedder ?? "",
        bm25: bm25 ? TextVector.Weights(averageLength: averageLength ?? 256) : nil, text: asked.text,
        specification: encoding.specification(keeping: EncodingSpecification(index: current.index)),
        alias: alias, ifCurrent: ifCurrent, metric: metric, missing: asked.missing,
        maximumSetAside: maxSetAside,
        budget: budget, minimumAgreement: minAgreement, labelledQueries: labelled,
        maximumLabelledLoss: maxLabelledLoss, bridges: bridge,
        gate: RecallGateRequest(minimumRecall: gate.minRecall, maximumLoss: gate.maxLoss),
        priority: gate.priority, swapAt: gate.swapAt?.milliseconds, limits: limits.limits, after: gate.after)
      if dryRun { return try output.put(try await client.planReembed(request)) { $0.text } }
      let job = try await client.startReembed(request)
      try await JobOutcome(client: client, output: output, detach: gate.detach).settle(job)
    }
  }
}
