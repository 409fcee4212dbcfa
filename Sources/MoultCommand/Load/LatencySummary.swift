/// Percentiles of the durations of requests.
struct LatencySummary: Sendable, Codable, Equatable {
  var requests: Int
  var p50Seconds: Double
  var p99Seconds: Double
  var maxSeconds: Double

  /// Percentiles by nearest rank; zeros when there are no durations.
  init(seconds: [Double]) {
    let sorted = seconds.sorted()
    requests = sorted.count
    p50Seconds = Self.percentile(0.5, of: sorted)
    p99Seconds = Self.percentile(0.99, of: sorted)
    maxSeconds = sorted.last ?? 0
  }

  /// The smallest value that is at least as large as `share` of all values.
  private static func percentile(_ share: Double, of sorted: [Double]) -> Double {
    guard !sorted.isEmpty else { return 0 }
    let rank = Int((share * Double(sorted.count)).rounded(.up))
    return sorted[min(sorted.count, max(1, rank)) - 1]
  }
}
