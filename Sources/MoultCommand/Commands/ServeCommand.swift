internal import ArgumentParser
internal import Foundation
internal import Logging
internal import MoultBenchmark
internal import MoultEngine
internal import MoultMilvus
internal import MoultModel
internal import MoultServer

/// `moult serve`: the service itself.
struct ServeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "serve",
    abstract: "Serve a data directory: Milvus' REST and gRPC APIs and Moult's own, on one port.",
    discussion: """
      Runs until Ctrl-C or SIGTERM, then answers what is under way and ends. The data directory is made when \
      it is missing. Clients must show the token (\(ServerOptions.defaultToken), as Milvus' default user, \
      unless --token or MOULT_TOKEN says otherwise): `Authorization: Bearer TOKEN`.
      """)

  @Option(help: "The data directory.")
  var data: String
  @Option(help: "Address of this machine to listen on; 0.0.0.0 for all.")
  var host = "127.0.0.1"
  @Option(help: "Port to listen on; 0 takes a free one.")
  var port = ServerConfiguration.defaultPort
  @Option(help: "What clients must show (environment: MOULT_TOKEN; default: \(ServerOptions.defaultToken)).")
  var token: String?
  @Flag(help: "Serve everyone, without a token.")
  var noAuth = false
  @Option(help: "Threads that search and encode; 0 takes one a processor.")
  var threads = 0
  @Option(help: "Rows of a segment at most; smaller ones are sealed, checkpointed and indexed sooner.")
  var segmentRows = 65_536
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
    if noAuth && token != nil { throw ValidationError("--token and --no-auth exclude each other") }
    if !(1...16_777_216).contains(segmentRows) {
      throw ValidationError("--segment-rows must lie in 1 … 16777216, got \(segmentRows)")
    }
    if threads < 0 { throw ValidationError("--threads must be at least 0, got \(threads)") }
    if token == "" { throw ValidationError("--token must not be empty; --no-auth serves everyone") }
  }

  func run() async throws {
    LoggingSystem.bootstrap(StreamLogHandler.standardError)
    var logger = Logger(label: "moult")
    logger.logLevel = logLevel

    let machine = MachineIdentity.current
    Console.say(
      "moult \(Version.current): kernels \(machine.isa), BLAS \(machine.blasCore), \(machine.cores) processors"
    )
    for problem in MachineAdvice.problems(of: machine) { Console.say("warning: \(problem)") }

    let engine = try await openEngine(logger)
    let token = effectiveToken
    let configuration = ServerConfiguration(host: host, port: port, token: token, version: Version.current)
    let server = Server(
      engine: engine, configuration: configuration, protocols: Self.protocols(engine, configuration),
      logger: logger)
    if stopWithStdin { Self.stopWhenStdinEnds() }
    let address = host.contains(":") ? "[\(host)]" : host
    let (data, isOpen) = (data, token == nil)
    let isDefault = token == ServerOptions.defaultToken
    try await server.run { port in
      Console.say("data in \(data)")
      if isOpen {
        Console.say("warning: no token is asked for; everyone who reaches this address can read and write")
      } else if isDefault {
        Console.say(
          "token \(ServerOptions.defaultToken), Milvus' default user; choose another with --token or MOULT_TOKEN"
        )
      }
      Console.say("\(ServerProcess.announcement)http://\(address):\(port)")
    }
    Console.say("stopped")
  }

  private func openEngine(_ logger: Logger) async throws -> Engine {
    do {
      return try await Engine.open(
        EngineConfiguration(
          dataDirectory: data, computeThreads: threads, segmentRowsMax: segmentRows,
          jobLimits: limits.limits, retention: retention.retention),
        logger: logger)
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

  private var effectiveToken: String? {
    if noAuth { return nil }
    return token ?? Environment.token ?? ServerOptions.defaultToken
  }

  /// The protocols beside Moult's own.
  private static func protocols(
    _ engine: Engine, _ configuration: ServerConfiguration
  ) -> [any WireAPI] {
    [MilvusAPI(engine: engine, bodyBytesMax: configuration.bodyBytesMax)]
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
