internal import ArgumentParser
internal import MoultModel

/// `moult import`: vectors and payload from files.
struct ImportCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "import",
    abstract: "Import vectors and payload from files into a collection, made when it is missing.",
    discussion: """
      Vectors: .npy (float32 or float16, C order) or .fvecs. Payload: .jsonl or .jsonl.gz, one JSON object a \
      line, as many lines as vectors. All of it is checked before the first row is sent. Rows are upserted, \
      so an import that was cut off can be repeated.
      """)

  @Argument(help: "Name of the collection (or an alias).")
  var name: String
  @Option(help: "File of vectors.")
  var vectors: String
  @Option(help: "File of payload lines.")
  var payload: String?
  @Option(help: "How nearness is measured: cosine (the default), ip or l2.")
  var metric: Metric?
  @Option(help: "Rows a request.")
  var batch = 2000
  @Option(
    help: "Take ids from this member of the payload (integers or strings); without, row numbers are ids.")
  var idField: String?

  @Flag(
    help: """
      Let indexes and merges of the collection wait until all rows are there. They begin by themselves afterwards, also \
      when the import is cut off.
      """)
  var bulk = false

  @OptionGroup var server: ServerOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    if batch < 1 { throw ValidationError("--batch must be at least 1, got \(batch)") }
    if idField != nil && payload == nil { throw ValidationError("--id-field needs --payload") }
  }

  func run() async throws {
    let source = try ImportSource(vectorsPath: vectors, payloadPath: payload, idField: idField)
    let report = try await server.withClient { client in
      try await Importer(client: client, source: source, rowsPerRequest: batch, isBulk: bulk).run(
        into: name, metric: metric)
    }
    try output.put(report) { report in
      """
      \(report.created ? "made" : "added to") \(report.collection): \(Figure.grouped(report.rows)) × \
      \(report.dimension) in \(Figure.seconds(report.seconds)), \
      \(Figure.grouped(Int(report.rowsPerSecond))) rows/s
      """
    }
  }
}
