/// What a load generator saw between two moments.
struct LoadWindow: Sendable, Codable, Equatable {
  /// Requests that began in the window and have ended.
  var latency: LatencySummary
  /// Answers that were no 200, could not be read, or had fewer hits than asked for.
  var failed: Int
  /// Answers from what was no longer current when their request began.
  var stale: Int
  var seconds: Double
  /// The first failures in words.
  var examples: [String]

  var requests: Int { latency.requests + failed }
  var requestsPerSecond: Double { seconds > 0 ? Double(requests) / seconds : 0 }
}
