/// What may be asked of the recall gate before a swap.
public struct RecallGateRequest: Sendable, Codable, Equatable {
  /// The lower end of the 95 % interval of recall@k must reach this, 0 … 1. 0 measures and lets pass.
  public var minimumRecall: Double
  /// Recall may fall by this much, 0 … 1: the lower end of the 95 % interval of recall@k after − before, on the
  /// same queries, must reach minus this. `nil` asks for nothing.
  public var maximumLoss: Double?
  /// Neighbours per query that are compared.
  public var k: Int
  /// Queries, row-major; empty takes those of recent searches, or, without enough of them, perturbed documents,
  /// and says so.
  public var queries: [Float]
  /// Entries of each query: the collection's dimension. 0 when there are no queries.
  public var dimension: Int

  public static let defaultMinimumRecall = 0.9

  public init(
    minimumRecall: Double = RecallGateRequest.defaultMinimumRecall, maximumLoss: Double? = nil, k: Int = 10,
    queries: [Float] = [], dimension: Int = 0
  ) {
    self.minimumRecall = minimumRecall
    self.maximumLoss = maximumLoss
    self.k = k
    self.queries = queries
    self.dimension = dimension
  }
}

/// Gives a live collection a new generation: another quantization, dimensions, transform or index.
public struct SwitchRequest: Sendable, Codable, Equatable {
  public var specification: EncodingSpecification
  public var gate: RecallGateRequest
  /// In `JobInfo.priorities`; higher goes first.
  public var priority: Int
  /// Go live at this moment and not before, in milliseconds since 1970; `JobInfo.untilReleased` waits for a person.
  public var swapAt: Int64?
  public var limits: JobLimits
  /// Jobs that must complete before this one begins; when one of them does not, this one fails.
  public var after: [Int64]

  public init(
    specification: EncodingSpecification, gate: RecallGateRequest = RecallGateRequest(), priority: Int = 0,
    swapAt: Int64? = nil, limits: JobLimits = JobLimits(), after: [Int64] = []
  ) {
    self.after = after
    self.specification = specification
    self.gate = gate
    self.priority = priority
    self.swapAt = swapAt
    self.limits = limits
  }
}

/// Copies a collection, payload and all, into a new one with another form, then moves an alias to it.
public struct ReindexRequest: Sendable, Codable, Equatable {
  /// Name of the collection to copy, or an alias of it.
  public var source: String
  /// Name of the collection to make.
  public var target: String
  public var specification: EncodingSpecification
  /// Alias that moves to the target in the same instant in which the target appears; made when missing.
  public var alias: String?
  /// The collection that the alias must point to when it moves; if it does not, the job fails and nothing changes.
  public var ifCurrent: String?
  public var gate: RecallGateRequest
  /// In `JobInfo.priorities`; higher goes first.
  public var priority: Int
  /// Go live at this moment and not before, in milliseconds since 1970; `JobInfo.untilReleased` waits for a person.
  public var swapAt: Int64?
  public var limits: JobLimits
  /// Jobs that must complete before this one begins; when one of them does not, this one fails.
  public var after: [Int64]

  public init(
    source: String, target: String, specification: EncodingSpecification, alias: String? = nil,
    gate: RecallGateRequest = RecallGateRequest(), priority: Int = 0, swapAt: Int64? = nil,
    ifCurrent: String? = nil, limits: JobLimits = JobLimits(), after: [Int64] = []
  ) {
    self.after = after
    self.limits = limits
    self.source = source
    self.target = target
    self.specification = specification
    self.alias = alias
    self.ifCurrent = ifCurrent
    self.gate = gate
    self.priority = priority
    self.swapAt = swapAt
  }
}
