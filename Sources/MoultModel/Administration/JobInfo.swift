/// A background job as users see it.
public struct JobInfo: Sendable, Codable, Equatable {
  public enum State: String, Sendable, Codable, CaseIterable {
    /// Waits for a worker.
    case available
    case running
    /// Failed for now; runs again at `runAt`.
    case retrying
    /// Ready to go live; waits until `heldUntil`, or for a person.
    case held
    /// Laid aside until a person resumes it.
    case paused
    case completed
    case failed
    case cancelled

    /// Whether nothing more will happen by itself.
    public var isFinal: Bool {
      switch self {
      case .completed, .failed, .cancelled: true
      case .available, .running, .retrying, .held, .paused: false
      }
    }
  }

  public struct Progress: Sendable, Codable, Equatable {
    /// What is being done: train, encode, index, catch-up, verify, swap …
    public var phase: String
    public var rowsDone: Int64
    public var rowsTotal: Int64
    public var rowsPerSecond: Double?
    public var etaSeconds: Double?

    public init(
      phase: String, rowsDone: Int64, rowsTotal: Int64, rowsPerSecond: Double? = nil,
      etaSeconds: Double? = nil
    ) {
      self.phase = phase
      self.rowsDone = rowsDone
      self.rowsTotal = rowsTotal
      self.rowsPerSecond = rowsPerSecond
      self.etaSeconds = etaSeconds
    }
  }

  public var id: Int64
  /// "switch", "reindex", "reembed" or "import", or of the upkeep "embed", "bm25", "index", "merge" or "retire".
  public var kind: String
  /// The collection it works on.
  public var subject: String
  public var state: State
  /// Higher goes first.
  public var priority: Int
  public var attempt: Int
  public var attemptsMax: Int
  public var progress: Progress
  /// Milliseconds since 1970.
  public var createdAt: Int64
  public var startedAt: Int64?
  public var finishedAt: Int64?
  /// When it runs next, for `available` and `retrying`.
  public var runAt: Int64
  /// What it makes does not go live before this moment; `JobInfo.untilReleased` waits for a person.
  public var heldUntil: Int64?
  public var cancelRequested: Bool
  /// It was asked to pause and has not stopped yet.
  public var pauseRequested: Bool
  /// Who asked for it, as far as the request said so.
  public var requestedBy: String?
  /// Jobs that must complete before it begins; absent when there are none (any more).
  public var after: [Int64]?
  /// It waits until so many bytes are free where the data directory lies; absent when it does not.
  public var roomNeeded: Int64?
  /// Why it failed (or why it will be tried again), in words.
  public var error: String?
  /// A `MoultError.Code` where the failure was one.
  public var errorCode: String?
  /// What a finished switch or reindex measured.
  public var report: SwitchReport?
  /// The generation that became live.
  public var generation: Int64?
  /// What a re-embedding has done so far.
  public var embedding: EmbeddingReport?

  public init(
    id: Int64, kind: String, subject: String, state: State, attempt: Int, attemptsMax: Int,
    progress: Progress, createdAt: Int64, startedAt: Int64?, finishedAt: Int64?, runAt: Int64,
    cancelRequested: Bool, error: String?, errorCode: String?, report: SwitchReport?, generation: Int64?,
    priority: Int = 0, heldUntil: Int64? = nil, pauseRequested: Bool = false, requestedBy: String? = nil,
    after: [Int64]? = nil, roomNeeded: Int64? = nil, embedding: EmbeddingReport? = nil
  ) {
    self.id = id
    self.kind = kind
    self.subject = subject
    self.state = state
    self.attempt = attempt
    self.attemptsMax = attemptsMax
    self.progress = progress
    self.createdAt = createdAt
    self.startedAt = startedAt
    self.finishedAt = finishedAt
    self.runAt = runAt
    self.cancelRequested = cancelRequested
    self.error = error
    self.errorCode = errorCode
    self.report = report
    self.generation = generation
    self.priority = priority
    self.heldUntil = heldUntil
    self.pauseRequested = pauseRequested
    self.requestedBy = requestedBy
    self.after = after
    self.roomNeeded = roomNeeded
    self.embedding = embedding
  }

  /// Whether it keeps a collection in shape without anybody having asked for it.
  public var isUpkeep: Bool { !["switch", "reindex", "reembed"].contains(kind) }

  /// As `heldUntil`: until a person releases the job (the end of the year 9999).
  public static let untilReleased: Int64 = 253_402_300_799_000
  /// What `priority` may be.
  public static let priorities = -100...100
}
