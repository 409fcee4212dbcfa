import MoultCompute
package import MoultModel

/// Figures for `/metrics`.
package struct EngineStatistics: Sendable {
  package struct Collection: Sendable {
    package var name: String
    /// Live points.
    package var rows: Int
    package var generation: Int64
    package var bytesPerVector: Int
    package var quantization: String
  }
  package var collections: [Collection]
  package var jobsByState: [JobInfo.State: Int]
  /// Searches and other reads of points that are worked on or wait.
  package var searchesUnderWay: Int
  /// Because too many waited, since the start.
  package var searchesRefused: Int
  /// `nil` where there is none.
  package var device: Device?

  package struct Device: Sendable {
    /// It was not lost.
    package var isThere: Bool
    package var calls: Int
    /// Of these, those whose work the CPU had to do.
    package var fallbacks: Int
  }
}

extension Engine {
  package func statistics() throws -> EngineStatistics {
    let collections = aliases.current.collections.values.sorted { $0.name < $1.name }.map { collection in
      let snapshot = collection.snapshot
      return EngineStatistics.Collection(
        name: collection.name, rows: snapshot.liveCount, generation: snapshot.live.id,
        bytesPerVector: snapshot.live.encoder.bytesPerVector,
        quantization: snapshot.live.specification.quantization.rawValue)
    }
    var jobsByState: [JobInfo.State: Int] = [:]
    for state in JobInfo.State.allCases { jobsByState[state] = 0 }
    for job in try jobs(limit: 10_000) { jobsByState[job.state, default: 0] += 1 }
    return EngineStatistics(
      collections: collections, jobsByState: jobsByState, searchesUnderWay: resources.admission.underWayCount,
      searchesRefused: resources.admission.refusedCount,
      device: resources.configuration.device.device.map { device in
        let counts = device.counts
        return EngineStatistics.Device(
          isThere: !device.isLost, calls: counts.calls, fallbacks: counts.fallbacks)
      })
  }
}
