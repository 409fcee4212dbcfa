internal import Hummingbird
internal import MoultEngine
internal import MoultModel

/// Figures for Prometheus.
struct MetricsRoutes: Sendable {
  static let path = "/metrics"

  let engine: Engine
  let metrics: ServerMetrics
  let version: String

  func add(to routes: GuardedRoutes) {
    routes.on(.get, Self.path, .read) { _, _ in
      .text(try document(), type: "text/plain; version=0.0.4; charset=utf-8")
    }
  }

  private func document() throws -> String {
    let statistics = try engine.statistics()
    var text = MetricsText()
    text.gauge("moult_build_info", "The version that runs; always 1.")
    text.sample("moult_build_info", [("version", version)], 1)
    metrics.write(to: &text)

    let collections = statistics.collections.sorted { $0.name < $1.name }
    text.gauge("moult_collection_points", "Live points.")
    for collection in collections {
      text.sample("moult_collection_points", [("collection", collection.name)], Double(collection.rows))
    }
    text.gauge("moult_collection_generation", "The generation that answers searches.")
    for collection in collections {
      text.sample(
        "moult_collection_generation", [("collection", collection.name)], Double(collection.generation))
    }
    text.gauge("moult_collection_bytes_per_vector", "Bytes that hold one vector for searching.")
    for collection in collections {
      text.sample(
        "moult_collection_bytes_per_vector",
        [("collection", collection.name), ("quantization", collection.quantization)],
        Double(collection.bytesPerVector))
    }
    text.gauge("moult_searches_under_way", "Searches and other reads of points that are worked on or wait.")
    text.sample("moult_searches_under_way", Double(statistics.searchesUnderWay))
    text.family("moult_searches_refused_total", "counter", "Searches refused because too many waited.")
    text.sample("moult_searches_refused_total", Double(statistics.searchesRefused))
    text.gauge("moult_jobs", "Background jobs by state.")
    for state in JobInfo.State.allCases {
      text.sample("moult_jobs", [("state", state.rawValue)], Double(statistics.jobsByState[state] ?? 0))
    }
    if let device = statistics.device {
      text.gauge("moult_device_available", "1 while batch work may go to the device, 0 once it was lost.")
      text.sample("moult_device_available", device.isThere ? 1 : 0)
      text.family(
        "moult_device_calls_total", "counter", "Pieces of batch work that were given to the device.")
      text.sample("moult_device_calls_total", Double(device.calls))
      text.family("moult_device_fallbacks_total", "counter", "Of those, the ones that the CPU had to do.")
      text.sample("moult_device_fallbacks_total", Double(device.fallbacks))
    }
    return text.text
  }
}
