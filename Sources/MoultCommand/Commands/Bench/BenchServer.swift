internal import ArgumentParser

/// The server of a benchmark over HTTP: one that runs already, or one of its own on a temporary directory.
struct BenchServerOptions: ParsableArguments {
  @Option(help: "Use this server instead of one of its own (environment: MOULT_URL is not looked at).")
  var url: String?
  @Option(help: "The server's token (environment: MOULT_TOKEN; default: \(ServerOptions.defaultToken)).")
  var token: String?

  /// Runs `body` with a client and, when the server is our own, its process.
  func withServer<Value>(_ body: (AdminClient, ServerProcess?) async throws -> Value) async throws -> Value {
    if let url {
      let token = token ?? Environment.token ?? ServerOptions.defaultToken
      return try await AdminClient.with(url: url, token: token) { try await body($0, nil) }
    }
    let directory = try ScratchDirectory(name: "moult-bench")
    defer { directory.remove() }
    let server = try await ServerProcess(dataDirectory: directory.path + "/data")
    do {
      let value = try await AdminClient.with(url: server.url, token: ServerOptions.defaultToken) {
        try await body($0, server)
      }
      await server.stop()
      return value
    } catch {
      await server.stop()
      throw error
    }
  }
}
