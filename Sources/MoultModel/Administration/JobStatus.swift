/// How a job stands at this moment: its record, and what is measured while it is asked.
public struct JobStatus: Sendable, Codable, Equatable {
  public enum Gate: String, Sendable, Codable, CaseIterable {
    /// Not measured yet.
    case pending
    case passed
    case failed
  }

  public var job: JobInfo
  /// The generation that it makes; absent before it has begun one, and for upkeep.
  public var building: Int64?
  /// Writes that what it makes does not have yet; it gets them before it goes live. Absent where none can be missing.
  public var lagOperations: Int?
  /// Absent for upkeep.
  public var gate: Gate?
  /// What the process has more on its heap than when the job's attempt began, in bytes; other work counts too. Absent
  /// unless it runs.
  public var memoryBytes: Int?
  /// The p99 of searches beside jobs against that without, as a share above it: 0.03 is 3 %. Absent unless it runs, and
  /// while too few searches came to tell.
  public var p99Change: Double?
  /// Those in force: the job's own, else the server's.
  public var limits: JobLimits
  /// Bytes free where the data directory lies, while the job waits for room.
  public var diskFree: Int?

  public init(
    job: JobInfo, building: Int64? = nil, lagOperations: Int? = nil, gate: Gate? = nil,
    memoryBytes: Int? = nil,
    p99Change: Double? = nil, limits: JobLimits = JobLimits(), diskFree: Int? = nil
  ) {
    self.job = job
    self.building = building
    self.lagOperations = lagOperations
    self.gate = gate
    self.memoryBytes = memoryBytes
    self.p99Change = p99Change
    self.limits = limits
    self.diskFree = diskFree
  }
}

/// How a collection stands: what answers, and what is being done about it.
public struct CollectionStatus: Sendable, Codable, Equatable {
  /// Its own name, never an alias.
  public var collection: String
  public var generation: Int64
  public var specification: EncodingSpecification
  /// Live rows.
  public var rows: Int
  /// Jobs that have not ended, the oldest first: switches and reindexes, then upkeep.
  public var jobs: [JobStatus]
  /// The newest switch or reindex, if it has ended.
  public var last: JobInfo?

  public init(
    collection: String, generation: Int64, specification: EncodingSpecification, rows: Int, jobs: [JobStatus],
    last: JobInfo? = nil
  ) {
    self.collection = collection
    self.generation = generation
    self.specification = specification
    self.rows = rows
    self.jobs = jobs
    self.last = last
  }
}
