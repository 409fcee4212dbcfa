internal import Synchronization

/// Counts and latencies of requests, in memory.
final class ServerMetrics: Sendable {
  struct Key: Hashable, Comparable {
    var method: String
    /// The route's pattern, so that labels stay few.
    var route: String
    var status: Int

    static func < (left: Key, right: Key) -> Bool {
      (left.route, left.method, left.status) < (right.route, right.method, right.status)
    }
  }

  struct Histogram {
    /// Requests up to each bound of `bounds` and above the one before.
    var counts = [Int](repeating: 0, count: ServerMetrics.bounds.count + 1)
    var seconds = 0.0

    var count: Int { counts.reduce(0, +) }
  }

  /// Upper bounds of the buckets in seconds: 0.1 ms to 30 s, the longest poll.
  static let bounds = [
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
  ]

  /// What clients were not given.
  enum Event: Int, CaseIterable {
    case connectionsRefused
    case connectionsCut

    var name: String {
      switch self {
      case .connectionsRefused: "moult_connections_refused_total"
      case .connectionsCut: "moult_connections_cut_total"
      }
    }

    var help: String {
      switch self {
      case .connectionsRefused: "Connections refused because there were too many."
      case .connectionsCut: "Connections closed because their clients sent or read too slowly."
      }
    }
  }

  private struct State {
    var histograms: [Key: Histogram] = [:]
    var inFlight = 0
    var events = [Int](repeating: 0, count: Event.allCases.count)
  }

  private let state = Mutex(State())
  private let connections: ConnectionLimit
  private let startedAt = ContinuousClock.now

  init(connections: ConnectionLimit) { self.connections = connections }

  func begin() { state.withLock { $0.inFlight += 1 } }
  func count(_ event: Event) { state.withLock { $0.events[event.rawValue] += 1 } }
  func end() { state.withLock { $0.inFlight -= 1 } }

  func record(_ key: Key, seconds: Double) {
    let bucket = Self.bounds.firstIndex { seconds <= $0 } ?? Self.bounds.count
    state.withLock { state in
      state.histograms[key, default: Histogram()].counts[bucket] += 1
      state.histograms[key, default: Histogram()].seconds += seconds
    }
  }

  func write(to text: inout MetricsText) {
    let (histograms, inFlight, events) = state.withLock { ($0.histograms, $0.inFlight, $0.events) }
    text.gauge("moult_uptime_seconds", "Seconds since the server was started.")
    text.sample("moult_uptime_seconds", (ContinuousClock.now - startedAt) / .seconds(1))
    text.gauge("moult_http_requests_in_flight", "Requests being answered.")
    text.sample("moult_http_requests_in_flight", Double(inFlight))
    text.gauge("moult_connections", "Connections that are served.")
    text.sample("moult_connections", Double(connections.servedCount))
    for event in Event.allCases {
      text.family(event.name, "counter", event.help)
      text.sample(event.name, Double(events[event.rawValue]))
    }

    let sorted = histograms.sorted { $0.key < $1.key }
    text.family("moult_http_request_seconds", "histogram", "Time from a request's head to its answer.")
    for (key, histogram) in sorted {
      let labels = [("method", key.method), ("route", key.route), ("status", String(key.status))]
      var below = 0
      for (bucket, bound) in Self.bounds.enumerated() {
        below += histogram.counts[bucket]
        text.sample("moult_http_request_seconds_bucket", labels + [("le", "\(bound)")], Double(below))
      }
      text.sample("moult_http_request_seconds_bucket", labels + [("le", "+Inf")], Double(histogram.count))
      text.sample("moult_http_request_seconds_sum", labels, histogram.seconds)
      text.sample("moult_http_request_seconds_count", labels, Double(histogram.count))
    }
  }
}

/// Text in the exposition format of Prometheus, version 0.0.4.
struct MetricsText {
  private(set) var text = ""

  mutating func gauge(_ name: String, _ help: String) { family(name, "gauge", help) }

  mutating func family(_ name: String, _ type: String, _ help: String) {
    text += "# HELP \(name) \(help)\n# TYPE \(name) \(type)\n"
  }

  mutating func sample(_ name: String, _ labels: [(String, String)], _ value: Double) {
    text += name
    if !labels.isEmpty {
      text += "{" + labels.map { "\($0.0)=\"\(Self.escaped($0.1))\"" }.joined(separator: ",") + "}"
    }
    text += value == value.rounded() && abs(value) < 1e15 ? " \(Int64(value))\n" : " \(value)\n"
  }

  mutating func sample(_ name: String, _ value: Double) { sample(name, [], value) }

  private static func escaped(_ value: String) -> String {
    var escaped = ""
    for character in value {
      switch character {
      case "\\": escaped += "\\\\"
      case "\"": escaped += "\\\""
      case "\n": escaped += "\\n"
      default: escaped.append(character)
      }
    }
    return escaped
  }
}
