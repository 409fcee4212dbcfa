package import MoultCompute
package import MoultModel

/// How an engine is set up.
package struct EngineConfiguration: Sendable {
  /// The data directory; made when missing.
  package var dataDirectory: String
  /// Threads that search and encode; 0 takes one per processor.
  package var computeThreads: Int
  /// Rows of one segment at most; the bytes of a segment are bounded as well.
  package var segmentRowsMax: Int
  /// Rows of a segment that was merged from several at most.
  package var mergedRowsMax: Int
  /// Searches and other reads of points that may wait for a thread; more are refused.
  package var queuedSearchesMax: Int
  /// Of jobs that have no limits of their own.
  package var jobLimits: JobLimits
  /// Of vectors that models have made of texts; beyond that the oldest are let go when a job has ended.
  package var embeddingCacheBytes: Int
  /// Whether protocols' searches of a vector field that is being filled are refused, as Moult's own are; without, they are
  /// answered with a warning in the log.
  package var refusesPartialFields: Bool
  /// Without bounds an earlier generation is kept until the next switch.
  package var retention: GenerationRetention
  /// Points of an import that become visible at one moment, at most: their transaction keeps all writers waiting.
  package var importRowsMax: Int
  /// Where the batch work of jobs may run.
  package var device: DeviceSelection

  package static let defaultImportRowsMax = 1_000_000
  package static let defaultQueuedSearchesMax = 1000
  package static let defaultEmbeddingCacheBytes = 16 << 30

  package init(
    dataDirectory: String, computeThreads: Int = 0, segmentRowsMax: Int = 65_536,
    mergedRowsMax: Int = 1 << 22,
    queuedSearchesMax: Int = EngineConfiguration.defaultQueuedSearchesMax, jobLimits: JobLimits = JobLimits(),
    embeddingCacheBytes: Int = EngineConfiguration.defaultEmbeddingCacheBytes,
    refusesPartialFields: Bool = false, retention: GenerationRetention = GenerationRetention(),
    importRowsMax: Int = EngineConfiguration.defaultImportRowsMax, device: DeviceSelection = .cpu
  ) {
    self.dataDirectory = dataDirectory
    self.computeThreads = computeThreads
    self.segmentRowsMax = segmentRowsMax
    self.mergedRowsMax = mergedRowsMax
    self.queuedSearchesMax = queuedSearchesMax
    self.jobLimits = jobLimits
    self.embeddingCacheBytes = embeddingCacheBytes
    self.refusesPartialFields = refusesPartialFields
    self.retention = retention
    self.importRowsMax = importRowsMax
    self.device = device
  }

  /// Opens the device that is chosen; who opens the engine learns from its log what became of that.
  package mutating func choose(_ choice: DeviceChoice) { device = choice.select() }
}
