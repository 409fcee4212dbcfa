internal import ArgumentParser
internal import MoultModel

/// `moult embedder`: what makes vectors of texts.
struct EmbedderCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "embedder", abstract: "Add, list or remove models that make vectors of texts.",
    subcommands: [Add.self, List.self, Remove.self, Bind.self], defaultSubcommand: List.self)

  struct Add: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Add a model behind an endpoint, or a file of vectors that were made elsewhere.",
      discussion: """
        The endpoint speaks OpenAI's /v1/embeddings, as OpenAI, Text Embeddings Inference, vLLM, Ollama and LiteLLM do. \
        The server calls hosts that it was started with only (`moult serve --embedder-host`), and reads keys and files \
        in its --embedder-directory only. A key itself is never given here.
        """)

    @Argument(help: "What it is to be called.")
    var name: String
    @Option(help: "The endpoint, such as http://127.0.0.1:8080/v1/embeddings.")
    var endpoint: String?
    @Option(help: "The model, as the endpoint calls it.")
    var model: String?
    @Option(help: "File of vectors (.npy, .fvecs) in place of an endpoint.")
    var vectors: String?
    @Option(help: "The point of each vector: .npy of integers, or a text file with one id a line.")
    var ids: String?
    @Option(help: "Entries of a vector.")
    var dimension: Int
    @Flag(help: "Ask the endpoint for that many entries: for models that can be shortened.")
    var sendDimension = false
    @Option(help: "Text before each text of a point.")
    var documentPrefix = ""
    @Option(help: "Text before each text that is searched for.")
    var queryPrefix = ""
    @Option(help: "File on the server that holds the key.")
    var keyFile: String?
    @Option(help: "Variable of the server's environment that holds the key; its name ends in _API_KEY.")
    var keyVariable: String?
    @Option(help: "Texts of a request at most.")
    var batch = Embedder.batchTextsDefault
    @Option(help: "Requests under way at most.")
    var streams = Embedder.streamsDefault
    @Option(help: "Seconds that a request may take.")
    var timeout = Embedder.timeoutSecondsDefault
    @Option(help: "Requests a minute at most.")
    var requestsPerMinute: Double?
    @Option(help: "Tokens a minute at most.")
    var tokensPerMinute: Double?
    @Option(help: "Price of a million tokens, for bills and budgets.")
    var price: Double?
    @OptionGroup var server: ServerOptions
    @OptionGroup var output: OutputOptions

    private var embedder: Embedder {
      Embedder(
        name: name, url: endpoint, model: model, vectors: vectors, ids: ids, dimension: dimension,
        sendsDimension: sendDimension, documentPrefix: documentPrefix, queryPrefix: queryPrefix,
        keyFile: keyFile, keyVariable: keyVariable, batchTexts: batch, streams: streams,
        timeoutSeconds: timeout, requestsPerMinute: requestsPerMinute, tokensPerMinute: tokensPerMinute,
        pricePerMillionTokens: price)
    }

    func validate() throws {
      do { try embedder.validate() } catch { throw ValidationError(error.message) }
    }

    func run() async throws {
      let added = try await server.withClient { try await $0.addEmbedder(embedder) }
      if output.json { try Console.putJSON(added) } else { Console.say("added \(added.name)") }
    }
  }

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "List embedders.")

    @OptionGroup var server: ServerOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
      let embedders = try await server.withClient { try await $0.embedders() }
      try output.put(embedders) { embedders in
        var table = TextTable([("NAME", .left), ("DIMENSION", .right), ("MODEL", .left), ("WHERE", .left)])
        for one in embedders {
          table.append([one.name, "\(one.dimension)", one.model ?? "(file)", one.url ?? one.vectors ?? ""])
        }
        return table.rendered()
      }
    }
  }

  struct Remove: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Remove an embedder that no collection and no job uses.")

    @Argument(help: "The embedder.")
    var name: String
    @OptionGroup var server: ServerOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
      try await server.withClient { try await $0.removeEmbedder(name) }
      if output.json { try Console.putJSON(["removed": name]) } else { Console.say("removed \(name)") }
    }
  }

  struct Bind: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Say which model made the vectors of a collection, so that it can be searched with texts.")

    @Argument(help: "Name of a collection or alias.")
    var collection: String
    @Argument(help: "The embedder; none is known any more without one.")
    var embedder: String?
    @OptionGroup var server: ServerOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
      try await server.withClient { try await $0.setEmbedder(embedder, of: collection) }
      if output.json {
        try Console.putJSON(["collection": collection, "embedder": embedder])
      } else {
        Console.say(
          embedder.map { "texts for \(collection) are embedded by \($0)" }
            ?? "\(collection) takes no texts any more")
      }
    }
  }
}
