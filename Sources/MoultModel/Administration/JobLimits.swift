/// What a switch or reindex may take while others use the machine. What is not given is not limited.
public struct JobLimits: Sendable, Codable, Equatable {
  /// Rows a second that are copied or encoded at most.
  public var rowsPerSecond: Double?
  /// How far the p99 of searches beside the job may rise above the p99 without it, as a share: 0.25 is a quarter. The
  /// job slows itself while it is higher, and goes on at a sixteenth of its speed at the least.
  public var maximumP99Rise: Double?
  /// Bytes that the job may hold in memory beside the codes and graphs that it makes.
  public var memoryBytes: Int?

  public init(rowsPerSecond: Double? = nil, maximumP99Rise: Double? = nil, memoryBytes: Int? = nil) {
    self.rowsPerSecond = rowsPerSecond
    self.maximumP99Rise = maximumP99Rise
    self.memoryBytes = memoryBytes
  }

  /// These limits, and where there are none those of `others`.
  public func or(_ others: JobLimits) -> JobLimits {
    JobLimits(
      rowsPerSecond: rowsPerSecond ?? others.rowsPerSecond,
      maximumP99Rise: maximumP99Rise ?? others.maximumP99Rise, memoryBytes: memoryBytes ?? others.memoryBytes)
  }

  /// - Throws: `invalidArgument` naming the limit that is out of range.
  public func validate() throws(MoultError) {
    if let rowsPerSecond, !(rowsPerSecond >= 1 && rowsPerSecond <= 1e12) {
      throw MoultError(.invalidArgument, "rowsPerSecond must be 1 … 10¹², got \(rowsPerSecond)")
    }
    if let maximumP99Rise, !(maximumP99Rise >= 0.05 && maximumP99Rise <= 100) {
      throw MoultError(
        .invalidArgument,
        "maximumP99Rise must be 0.05 … 100 (0.25 is a quarter above the idle p99), got \(maximumP99Rise)")
    }
    if let memoryBytes, memoryBytes < 1 {
      throw MoultError(.invalidArgument, "memoryBytes must be at least 1, got \(memoryBytes)")
    }
  }
}

/// A change of a job's limits while it runs: of each, `nil` keeps it, `.some(nil)` lifts it.
public struct JobLimitsChange: Sendable, Equatable {
  public var rowsPerSecond: Double??
  public var maximumP99Rise: Double??
  public var memoryBytes: Int??

  public init(rowsPerSecond: Double?? = nil, maximumP99Rise: Double?? = nil, memoryBytes: Int?? = nil) {
    self.rowsPerSecond = rowsPerSecond
    self.maximumP99Rise = maximumP99Rise
    self.memoryBytes = memoryBytes
  }

  public var isEmpty: Bool { self == JobLimitsChange() }

  public func applied(to limits: JobLimits) -> JobLimits {
    JobLimits(
      rowsPerSecond: rowsPerSecond ?? limits.rowsPerSecond,
      maximumP99Rise: maximumP99Rise ?? limits.maximumP99Rise, memoryBytes: memoryBytes ?? limits.memoryBytes)
  }
}
