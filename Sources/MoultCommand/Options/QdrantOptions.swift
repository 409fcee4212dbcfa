internal import ArgumentParser
internal import MoultEngine
internal import MoultQdrant
internal import MoultServer

/// Where `moult serve` speaks Qdrant's protocol, and to whom.
struct QdrantOptions: ParsableArguments {
  @Option(help: "Port of Qdrant's REST API, 6333 as a rule; 0 does not speak it.")
  var qdrantPort = 0
  @Option(help: "Port of Qdrant's gRPC API, 6334 as a rule; 0 does not speak it.")
  var qdrantGrpcPort = 0
  @Option(
    help: """
      What Qdrant's clients must show as api_key (environment: MOULT_API_KEY). Without, they show the server's token, \
      and nothing where that is the one that everyone knows. Others of this machine can see a command line: prefer \
      the environment.
      """)
  var apiKey: String?
  @Option(help: "A second key, for clients that only read (environment: MOULT_READ_ONLY_API_KEY).")
  var readOnlyKey: String?
  @Flag(
    help: """
      Take JSON Web Tokens (HS256) that are signed with the API key, beside the key itself: they say in their claims \
      what their holders may do with which collections, and until when.
      """)
  var jwtRbac = false

  func validate() throws {
    for (name, port) in [("--qdrant-port", qdrantPort), ("--qdrant-grpc-port", qdrantGrpcPort)] {
      guard (0...65_535).contains(port) else {
        throw ValidationError("\(name) must lie in 0 … 65535, got \(port)")
      }
    }
    if apiKey == "" { throw ValidationError("--api-key must not be empty") }
    if readOnlyKey == "" { throw ValidationError("--read-only-key must not be empty") }
    if numbers.isEmpty && (apiKey ?? readOnlyKey) != nil {
      throw ValidationError(
        "--api-key and --read-only-key are for Qdrant's clients: give --qdrant-port or --qdrant-grpc-port too"
      )
    }
    if numbers.isEmpty && jwtRbac {
      throw ValidationError(
        "--jwt-rbac is for Qdrant's clients: give --qdrant-port or --qdrant-grpc-port too")
    }
  }

  /// Of the ports that are wanted, REST's first.
  private var numbers: [Int] { [qdrantPort, qdrantGrpcPort].filter { $0 != 0 } }
  /// What is spoken on each of ``numbers``.
  var protocolNames: [String] {
    (qdrantPort == 0 ? [] : ["REST"]) + (qdrantGrpcPort == 0 ? [] : ["gRPC"])
  }

  /// - Parameters:
  ///   - access: what the server's own port asks for.
  ///   - host: the address that will be listened on.
  /// - Throws: a usage failure: keys that cannot be used, or a port that would be open to other machines.
  func choice(access: AccessOptions.Choice, host: String) throws -> AccessOptions.Choice {
    guard !numbers.isEmpty else { return AccessOptions.Choice() }
    let key = try given(apiKey, Environment.apiKey, "--api-key")
    let readOnly = try given(readOnlyKey, Environment.readOnlyAPIKey, "--read-only-key")
    guard key != nil || !jwtRbac else {
      throw CommandFailure(
        .usage, "--jwt-rbac takes tokens that are signed with the API key: give --api-key too")
    }
    guard let key else {
      guard readOnly == nil else {
        throw CommandFailure(.usage, "--read-only-key is a second key: give --api-key too")
      }
      if access.isOwn { return AccessOptions.Choice(tokens: access.tokens) }
      // The server's own port has refused other machines, unless it was told to serve them.
      return AccessOptions.Choice(
        notice:
          "Qdrant's clients need no key; everyone who reaches this address can read and write (--api-key)")
    }
    guard readOnly != key else {
      throw CommandFailure(.usage, "the key for reading must differ from the one for reading and writing")
    }
    return AccessOptions.Choice(
      tokens: AccessTokens(
        readWrite: key, readOnly: readOnly, signed: jwtRbac ? QdrantTokens(key: key) : nil))
  }

  private func given(_ text: String?, _ environment: String?, _ option: String) throws -> String? {
    guard let key = text ?? environment else { return nil }
    try TokenFile.check(key, option)
    return key
  }

  func ports(_ engine: Engine, tokens: AccessTokens?) -> [ProtocolPort] {
    let wire = QdrantAPI(engine: engine)
    return numbers.map {
      ProtocolPort(port: $0, wire: wire, tokens: tokens, bodyBytesMax: QdrantAPI.defaultBodyBytesMax)
    }
  }
}
