import Logging
import MoultCompute
import MoultEngine
import MoultJobs
import MoultModel
import MoultStorage
import MoultTesting
import ServiceLifecycle

/// An engine on a temporary data directory, with its job worker running.
final class EngineHarness: Sendable {
  let directory: TemporaryDirectory
  let engine: Engine
  private let services: ServiceGroup
  private let running: Task<Void, any Error>

  convenience init(
    directory: TemporaryDirectory = TemporaryDirectory(), segmentRowsMax: Int = 65_536,
    fileSystem: any FileSystem = POSIXFileSystem(), retention: GenerationRetention = GenerationRetention(),
    clock: JobClock = .system, jobLimits: JobLimits = JobLimits(),
    importRowsMax: Int = EngineConfiguration.defaultImportRowsMax, device: DeviceSelection = .cpu
  ) async throws {
    try await self.init(
      directory: directory, path: directory.path, segmentRowsMax: segmentRowsMax, fileSystem: fileSystem,
      retention: retention, clock: clock, jobLimits: jobLimits, importRowsMax: importRowsMax, device: device)
  }

  /// On a data directory that belongs to the caller.
  convenience init(
    path: String, segmentRowsMax: Int = 65_536, fileSystem: any FileSystem = POSIXFileSystem()
  ) async throws {
    try await self.init(
      directory: TemporaryDirectory(), path: path, segmentRowsMax: segmentRowsMax, fileSystem: fileSystem)
  }

  private init(
    directory: TemporaryDirectory, path: String, segmentRowsMax: Int, fileSystem: any FileSystem,
    retention: GenerationRetention = GenerationRetention(), clock: JobClock = .system,
    jobLimits: JobLimits = JobLimits(), importRowsMax: Int = EngineConfiguration.defaultImportRowsMax,
    device: DeviceSelection = .cpu
  ) async throws {
    var logger = Logger(label: "engine-test")
    logger.logLevel = .error
    self.directory = directory
    let engine = try await Engine.open(
      EngineConfiguration(
        dataDirectory: path, computeThreads: 2, segmentRowsMax: segmentRowsMax, jobLimits: jobLimits,
        retention: retention, importRowsMax: importRowsMax, device: device),
      logger: logger, fileSystem: fileSystem, clock: clock)
    self.engine = engine
    let services = ServiceGroup(services: engine.backgroundServices, logger: logger)
    self.services = services
    running = Task { try await services.run() }
  }

  /// Stops the worker as a server does, and gives the data directory back.
  func shutDown() async throws {
    await services.triggerGracefulShutdown()
    try await running.value
    await engine.close()
  }

  /// Follows a job to its end.
  func finish(_ job: JobInfo) async throws -> JobInfo {
    var seen = job
    while !seen.state.isFinal {
      seen = try await engine.waitForJob(job.id, changedSince: seen, seconds: 30)
    }
    return seen
  }

  /// Waits until no job is left to do.
  func settle() async throws {
    while let job = try engine.jobs(limit: 1_000).first(where: { !$0.state.isFinal }) {
      _ = try await finish(job)
    }
  }

  /// A collection of the first `rows` vectors of the sample; the row number is the id.
  func importSample(_ name: String, rows: Int, metric: Metric = .cosine, batch: Int = 1000) async throws {
    _ = try await engine.createCollection(
      name, schema: CollectionSchema(dimension: SampleVectors.dimension, metric: metric))
    let base = SampleVectors.base(rows)
    for first in stride(from: 0, to: rows, by: batch) {
      let end = min(rows, first + batch)
      _ = try await engine.write(
        PointBatch(
          ids: (first..<end).map { .int64(Int64($0)) },
          vectors: Array(base[first * SampleVectors.dimension..<end * SampleVectors.dimension]),
          dimension: SampleVectors.dimension, payloads: (first..<end).map { #"{"row":\#($0)}"# }),
        to: name, mode: .upsert)
    }
  }

  /// Ids of the hits of one query each.
  func search(
    _ name: String, queries: [Float], limit: Int = 10, exact: Bool = false, oversampling: Double? = nil
  ) async throws -> [[PointID]] {
    try await engine.search(
      SearchRequest(
        queries: queries, dimension: SampleVectors.dimension, limit: limit, exact: exact,
        oversampling: oversampling),
      in: name
    ).hits.map { $0.map(\.id) }
  }
}

/// Share of `truth`'s first `k` that was found.
func recall(_ found: [[PointID]], truth: [[Int64]], k: Int = 10) -> Double {
  var hits = 0
  for (found, truth) in zip(found, truth) {
    hits += Set(found.prefix(k)).intersection(truth.prefix(k).map { PointID.int64($0) }).count
  }
  return Double(hits) / Double(found.count * k)
}
