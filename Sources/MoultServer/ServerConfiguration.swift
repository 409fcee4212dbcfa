/// How the server listens and whom it serves.
package struct ServerConfiguration: Sendable {
  /// An address of this machine to listen on.
  package var host: String
  /// 0 takes any free port; `Server.run` says which one.
  package var port: Int
  /// What a client must show. `nil` serves everyone.
  package var tokens: AccessTokens?
  /// Requests with longer bodies are refused with HTTP 413.
  package var bodyBytesMax: Int
  /// Seconds that requests in progress are given when the server is asked to end.
  package var shutdownSecondsMax: Int
  /// More connections are told to come back later.
  package var connectionsMax: Int
  /// Calls over gRPC that may wait for their turn; more are refused.
  package var queuedCallsMax: Int
  /// Given to a request that does not ask for less.
  package var requestSecondsMax: Double
  package var pace: Pace
  /// With them the port speaks nothing but TLS.
  package var certificates: CertificateStore?
  /// Idle connections are closed after so many seconds.
  package var idleSecondsMax: Int
  /// What `/healthz` and `/metrics` tell.
  package var version: String

  package static let defaultPort = 19530
  package static let defaultConnectionsMax = 1000
  package static let defaultRequestSecondsMax = 120.0
  package static let defaultBodyBytesMax = 64 << 20

  package init(
    host: String = "127.0.0.1", port: Int = ServerConfiguration.defaultPort,
    tokens: AccessTokens? = nil,
    bodyBytesMax: Int = ServerConfiguration.defaultBodyBytesMax, shutdownSecondsMax: Int = 30,
    connectionsMax: Int = ServerConfiguration.defaultConnectionsMax, queuedCallsMax: Int = 1000,
    requestSecondsMax: Double = ServerConfiguration.defaultRequestSecondsMax, pace: Pace = Pace(),
    certificates: CertificateStore? = nil,
    idleSecondsMax: Int = 300, version: String = "development"
  ) {
    self.host = host
    self.port = port
    self.tokens = tokens
    self.bodyBytesMax = bodyBytesMax
    self.shutdownSecondsMax = shutdownSecondsMax
    self.connectionsMax = connectionsMax
    self.queuedCallsMax = queuedCallsMax
    self.requestSecondsMax = requestSecondsMax
    self.pace = pace
    self.certificates = certificates
    self.idleSecondsMax = idleSecondsMax
    self.version = version
  }
}
