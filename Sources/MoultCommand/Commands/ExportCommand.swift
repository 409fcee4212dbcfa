internal import ArgumentParser
internal import MoultModel

/// `moult export`: a collection to files.
struct ExportCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "export", abstract: "Export a collection's vectors and payload to files.",
    discussion: """
      Vectors are written with the number type they were imported with, bit for bit, in the order of their \
      ids; the format follows the name: .npy or .fvecs (always float32). Payload: .jsonl or .jsonl.gz.
      """)

  @Argument(help: "Name of a collection or alias.")
  var name: String
  @Option(help: "File of vectors to write.")
  var vectors: String
  @Option(help: "File of payload lines to write.")
  var payload: String?
  @Option(
    help: "Number type of the vectors: float32 or float16, which rounds; without, the collection's own.")
  var type: CollectionSchema.ElementType?
  @Flag(help: "Replace files that are there already.")
  var force = false

  @OptionGroup var server: ServerOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    if type == .float16 && vectors.lowercased().hasSuffix(".fvecs") {
      throw ValidationError("--type float16 needs a .npy: .fvecs are always float32")
    }
  }

  func run() async throws {
    let report = try await server.withClient { client in
      try await Exporter(
        client: client, name: name, vectorsPath: vectors, payloadPath: payload, elementType: type,
        force: force
      ).run()
    }
    try output.put(report) { report in
      "wrote \(Figure.grouped(report.rows)) rows of \(report.collection) in \(Figure.seconds(report.seconds))"
    }
  }
}
