internal import ArgumentParser
internal import Foundation
internal import MoultServer

/// Whom `moult serve` serves.
struct AccessOptions: ParsableArguments {
  @Option(
    help: """
      What clients must show (environment: MOULT_TOKEN; default: \(ServerOptions.defaultToken), on this machine's \
      own addresses only). Others of this machine can see a command line: prefer --token-file.
      """)
  var token: String?
  @Option(help: "A file that holds the token.")
  var tokenFile: String?
  @Option(help: "A second token, for clients that only read (environment: MOULT_READ_ONLY_TOKEN).")
  var readOnlyToken: String?
  @Option(help: "A file that holds the token for reading.")
  var readOnlyTokenFile: String?
  @Flag(help: "Serve everyone, without a token.")
  var noAuth = false
  @Flag(help: "Listen on an address that other machines reach although no token of your own is asked for.")
  var allowOpen = false

  func validate() throws {
    if token == "" { throw ValidationError("--token must not be empty; --no-auth serves everyone") }
    if readOnlyToken == "" { throw ValidationError("--read-only-token must not be empty") }
    if token != nil && tokenFile != nil {
      throw ValidationError("--token and --token-file exclude each other")
    }
    if readOnlyToken != nil && readOnlyTokenFile != nil {
      throw ValidationError("--read-only-token and --read-only-token-file exclude each other")
    }
    if noAuth && (token ?? tokenFile ?? readOnlyToken ?? readOnlyTokenFile) != nil {
      throw ValidationError("--no-auth and a token exclude each other")
    }
  }

  /// What was asked for, once files and environment are read.
  struct Choice {
    /// `nil` serves everyone.
    var tokens: AccessTokens?
    /// Whether the token for reading and writing is not the one that everyone knows.
    var isOwn = false
    /// What to tell whoever started the server.
    var notice: String?
  }

  /// - Parameter host: the address that will be listened on.
  /// - Throws: a usage failure: tokens that cannot be used, or a server that would be open to other machines.
  func choice(host: String) throws -> Choice {
    let own = noAuth ? nil : try given(token, file: tokenFile, Environment.token, "--token")
    if own == nil && !allowOpen && !Self.isLoopback(host) {
      let what = noAuth ? "--no-auth asks for no token" : "everyone knows \(ServerOptions.defaultToken)"
      throw CommandFailure(
        .usage, "other machines may reach --host \(host), and \(what)",
        next: "give --token-file (or --token, MOULT_TOKEN); --allow-open serves them all the same")
    }
    if noAuth {
      return Choice(
        notice: "warning: no token is asked for; everyone who reaches this address can read and write")
    }
    let readOnly = try given(
      readOnlyToken, file: readOnlyTokenFile, Environment.readOnlyToken, "--read-only-token")
    let readWrite = own ?? ServerOptions.defaultToken
    guard readOnly != readWrite else {
      throw CommandFailure(.usage, "the token for reading must differ from the one for reading and writing")
    }
    let tokens = AccessTokens(readWrite: readWrite, readOnly: readOnly)
    guard readWrite == ServerOptions.defaultToken else { return Choice(tokens: tokens, isOwn: true) }
    let notice =
      Self.isLoopback(host)
      ? "token \(ServerOptions.defaultToken), Milvus' default user; choose another with --token-file or MOULT_TOKEN"
      : "warning: everyone knows the token \(ServerOptions.defaultToken), and other machines may reach this address"
    return Choice(tokens: tokens, notice: notice)
  }

  private func given(
    _ text: String?, file: String?, _ environment: String?, _ option: String
  ) throws -> String? {
    if let file { return try TokenFile.read(file, option: option + "-file") }
    guard let token = text ?? environment else { return nil }
    try TokenFile.check(token, option)
    return token
  }

  /// Whether only this machine can reach an address. Of names only `localhost` is known to stand for such a one.
  static func isLoopback(_ host: String) -> Bool {
    if host.lowercased() == "localhost" { return true }
    var v4: UInt32 = 0
    if inet_pton(AF_INET, host, &v4) == 1 { return withUnsafeBytes(of: v4) { $0.first == 127 } }
    var v6: (UInt64, UInt64) = (0, 0)
    return inet_pton(AF_INET6, host, &v6) == 1 && v6 == (0, UInt64(1).bigEndian)
  }
}
