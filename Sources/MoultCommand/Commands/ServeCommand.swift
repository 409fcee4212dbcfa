internal import ArgumentParser
internal import Foundation
internal import Logging
internal import MoultBenchmark
internal import MoultEmbedding
internal import MoultEngine
internal import MoultMilvus
internal import MoultModel
internal import MoultQdrant
internal import MoultServer

/// `moult serve`: the service itself.
struct ServeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "serve",
    abstract:
      "Serve a data directory: Milvus' REST and gRPC APIs and Moult's own on one port, Qdrant's on another.",
    discussion: """
      Runs until Ctrl-C or SIGTERM, then answers what is under way and ends. The data directory is made when \
      it is missing. Clients must show the token (\(ServerOptions.defaultToken), as Milvus' default user, \
      unless --token-file, --token or MOULT_TOKEN says otherwise): `Authorization: Bearer TOKEN`. Without a token of \
      your own it listens on addresses of this machine only. MOULT_DEVICE (cpu, cuda, auto) says where jobs do their \
      batch work; without it, on a GPU where there is one and it is faster.
      """)

  @Option(help: "The data directory.")
  var data: String
  @Option(help: "Address of this machine to listen on; 0.0.0.0 for all.")
  var host = "127.0.0.1"
  @Option(help: "Port to listen on; 0 takes a free one.")
  var port = ServerConfiguration.defaultPort
  @OptionGroup(title: "Access") var access: AccessOptions
  @Option(help: "Threads that search and encode; 0 takes one a processor.")
  var threads = 0
  @Option(help: "Rows of a segment at most; smaller ones are sealed, checkpointed and indexed sooner.")
  var segmentRows = 65_536
  @Option(
    help: "Folder whose files clients may import through Milvus' API; without it nothing is imported.")
  var importDirectory: String?
  @OptionGroup(title: "Qdrant's protocol") var qdrant: QdrantOptions
  @OptionGroup(title: "Models") var embedders: EmbedderOptions
  @OptionGroup(title: "TLS") var tls: TLSOptions
  @OptionGroup(title: "Limits of clients") var serving: ServingLimitOptions
  @OptionGroup(title: "Limits of jobs that have none of their own") var limits: LimitOptions
  @OptionGroup(title: "Earlier generations") var retention: RetentionOptions
  @Option(
    help: "Least level of log lines on stderr: trace, debug, info, notice, warning, error, critical.",
    transform: Self.level)
  var logLevel: Logger.Level = .info
  /// Ends when stdin does: a child that outlives its parent helps nobody.
  @Flag(help: .hidden)
  var stopWithStdin = false

  func validate() throws {
    if data.isEmpty { throw ValidationError("--data must name a folder") }
    if !(0...65_535).contains(port) { throw ValidationError("--port must lie in 0 … 65535, got \(port)") }
    if !(1...16_777_216).contains(segmentRows) {
      throw ValidationError("--segment-rows must lie in 1 … 16777216, got \(segmentRows)")
    }
    if threads < 0 { throw ValidationError("--threads must be at least 0, got \(threads)") }
  }

  func run() async throws {
    LoggingSystem.bootstrap(StreamLogHandler.standardError)
    var logger = Logger(label: "moult")
    logger.logLevel = logLevel

    let choice = try access.choice(host: host)
    let certificates = try tls.certificates()
    let qdrantChoice = try qdrant.choice(access: choice, host: host)

    let machine = MachineIdentity.current
    Console.say(
      "moult \(Version.current): kernels \(machine.isa), BLAS \(machine.blasCore), \(machine.cores) processors"
    )
    for problem in MachineAdvice.problems(of: machine) { Console.say("warning: \(problem)") }

    let engine = try await openEngine(try DeviceChoice(variable: Environment.device), logger)
    let models = try embedders.source()
    if let models { engine.callEmbedders(with: models) }
    var configuration = ServerConfiguration(
      host: host, port: port, tokens: choice.tokens, version: Version.current)
    serving.apply(to: &configuration)
    configuration.certificates = certificates
    let server = Server(
      engine: engine, configuration: configuration, protocols: protocols(engine, configuration),
      ports: qdrant.ports(engine, tokens: qdrantChoice.tokens), logger: logger)
    if stopWithStdin { Self.stopWhenStdinEnds() }
    let address = host.contains(":") ? "[\(host)]" : host
    if let warning = serving.raiseFileLimit() { Console.say(warning) }
    let data = data
    try await server.run { port in
      Console.say("data in \(data)")
      if let notice = choice.notice { Console.say(notice) }
      if let notice = qdrantChoice.notice { Console.say(notice) }
      for (name, port) in zip(qdrant.protocolNames, server.protocolPorts) {
        Console.say("Qdrant's \(name) API on \(certificates == nil ? "http" : "https")://\(address):\(port)")
      }
      Console.say(
        "\(ServerProcess.announcement)\(certificates == nil ? "http" : "https")://\(address):\(port)")
    }
    await models?.shutdown()
    Console.say("stopped")
  }

  private func openEngine(_ device: DeviceChoice, _ logger: Logger) async throws -> Engine {
    var configuration = EngineConfiguration(
      dataDirectory: data, computeThreads: threads, segmentRowsMax: segmentRows,
      queuedSearchesMax: serving.maxQueuedSearches, jobLimits: limits.limits,
      embeddingCacheBytes: embedders.embeddingCache, refusesPartialFields: embedders.refusePartial,
      retention: retention.retention)
    configuration.choose(device)
    do {
      return try await Engine.open(configuration, logger: logger)
    } catch {
      throw CommandFailure(opening: data, error)
    }
  }

  private static func level(_ text: String) throws -> Logger.Level {
    guard let level = Logger.Level(rawValue: text) else {
      let known = Logger.Level.allCases.map(\.rawValue).joined(separator: ", ")
      throw ValidationError("--log-level must be one of \(known), got '\(text)'")
    }
    return level
  }

  /// The protocols beside Moult's own.
  private func protocols(
    _ engine: Engine, _ configuration: ServerConfiguration
  ) -> [any WireAPI] {
    [
      MilvusAPI(
        engine: engine, bodyBytesMax: configuration.bodyBytesMax, importDirectory: importDirectory)
    ]
  }

  /// The parent holds the other end of the pipe; when it dies, reading ends.
  private static func stopWhenStdinEnds() {
    let thread = Thread {
      var byte: UInt8 = 0
      while read(STDIN_FILENO, &byte, 1) > 0 {}
      kill(getpid(), SIGTERM)
    }
    thread.start()
  }
}
