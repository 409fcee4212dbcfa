internal import ArgumentParser

/// Which server a command talks to.
struct ServerOptions: ParsableArguments {
  static let defaultURL = "http://127.0.0.1:19530"

  @Option(help: "The server's address (environment: MOULT_URL; default: \(ServerOptions.defaultURL)).")
  var url: String?

  @Option(help: "The server's token (environment: MOULT_TOKEN; default: \(ServerOptions.defaultToken)).")
  var token: String?

  @Option(help: "A file that holds the server's token.")
  var tokenFile: String?

  @Option(
    help: "Certificate in PEM that vouches for a server at https:// (environment: MOULT_CA_CERTIFICATE).")
  var caCertificate: String?

  func validate() throws {
    if token != nil && tokenFile != nil {
      throw ValidationError("--token and --token-file exclude each other")
    }
  }

  /// What Milvus ships with, and what `moult serve` asks for unless told otherwise.
  static let defaultToken = "root:Milvus"

  /// Runs `body` with a client of that server.
  func withClient<Value>(_ body: (AdminClient) async throws -> Value) async throws -> Value {
    let fromFile = try tokenFile.map { try TokenFile.read($0, option: "--token-file") }
    return try await AdminClient.with(
      url: url ?? Environment.url ?? Self.defaultURL,
      token: token ?? fromFile ?? Environment.token ?? Self.defaultToken,
      caCertificate: caCertificate ?? Environment.caCertificate, body)
  }
}
