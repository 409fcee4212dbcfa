internal import ArgumentParser
internal import Foundation
internal import MoultEngine
internal import MoultServer

/// What `moult serve` takes on at the same time, and how long it waits for clients.
struct ServingLimitOptions: ParsableArguments {
  @Option(help: "Connections at most; more are answered with 503.")
  var maxConnections = ServerConfiguration.defaultConnectionsMax
  @Option(help: "Searches and other reads that may wait for a thread; more are answered with 429.")
  var maxQueuedSearches = EngineConfiguration.defaultQueuedSearchesMax
  @Option(
    help: "Seconds given to a request that does not ask for less (header Request-Timeout, grpc-timeout).")
  var requestTimeout = ServerConfiguration.defaultRequestSecondsMax
  @Option(help: "Seconds that a client may take for the head of a request, or pause while it sends or reads.")
  var clientTimeout = Pace().patienceSeconds

  func validate() throws {
    func check(_ name: String, _ value: Double, _ range: ClosedRange<Double>) throws {
      guard !range.contains(value) else { return }
      throw ValidationError("--\(name) must lie in \(range.lowerBound) … \(range.upperBound), got \(value)")
    }
    try check("max-connections", Double(maxConnections), 1...1e6)
    try check("max-queued-searches", Double(maxQueuedSearches), 0...1e6)
    try check("request-timeout", requestTimeout, 0.001...86_400)
    try check("client-timeout", clientTimeout, 0.001...3_600)
  }

  func apply(to configuration: inout ServerConfiguration) {
    configuration.connectionsMax = maxConnections
    configuration.queuedCallsMax = maxQueuedSearches
    configuration.requestSecondsMax = requestTimeout
    configuration.pace.patienceSeconds = clientTimeout
  }

  /// Files that are open beside connections: the database, segments, refusals under way.
  private static let otherFiles = 512

  /// Takes as many file descriptors as this process may have.
  ///
  /// - Returns: a warning when the connections may not fit in.
  func raiseFileLimit() -> String? {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return nil }
    limit.rlim_cur = limit.rlim_max
    _ = setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    guard limit.rlim_max < UInt(maxConnections + Self.otherFiles) else { return nil }
    return
      "warning: this process may open \(limit.rlim_max) files, too few for \(maxConnections) connections; "
      + "lower --max-connections or raise `ulimit -n`"
  }
}
