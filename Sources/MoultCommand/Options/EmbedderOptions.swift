internal import ArgumentParser
internal import MoultEmbedding
internal import MoultEngine
internal import MoultModel

/// Which models the server may call.
struct EmbedderOptions: ParsableArguments {
  @Option(
    help: """
      HOST or HOST:PORT that embedders may be called at; may be given several times. Without, none is called: clients \
      of the API cannot name one.
      """)
  var embedderHost: [String] = []

  @Option(help: "Folder that keys of embedders and files of vectors are in; nothing outside of it is read.")
  var embedderDirectory: String?

  @Option(
    help: ArgumentHelp(
      "Vectors of texts that are kept for later jobs: 512MiB, 16GiB (the default); beyond that the oldest go when a job has "
        + "ended.", valueName: "bytes"),
    transform: { try LimitOptions.bytes($0, option: "--embedding-cache") })
  var embeddingCache: Int = EngineConfiguration.defaultEmbeddingCacheBytes
  @Flag(
    help:
      "Refuse searches of Milvus' and Qdrant's clients too in a vector field that is still being filled; without, they are answered with a warning in the log."
  )
  var refusePartial = false

  func validate() throws {
    do { _ = try EmbedderHosts(embedderHost) } catch {
      throw ValidationError("--embedder-host: \(error.message)")
    }
  }

  /// `nil` when neither hosts nor files are allowed.
  func source() throws -> EmbedderDirectory? {
    guard !embedderHost.isEmpty || embedderDirectory != nil else { return nil }
    return EmbedderDirectory(hosts: try EmbedderHosts(embedderHost), folder: embedderDirectory)
  }
}
