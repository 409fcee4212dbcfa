/// What a re-embedding has done so far. Points that are written meanwhile count each time.
public struct EmbeddingReport: Sendable, Codable, Equatable {
  /// A point that got no vector, and why.
  public struct Exception: Sendable, Codable, Equatable {
    public var id: String
    public var reason: String

    public init(id: String, reason: String) {
      self.id = id
      self.reason = reason
    }
  }

  public var embedder: String
  /// Points whose texts were looked at.
  public var points: Int64 = 0
  /// Of them, those whose vector was there already: equal texts, and texts of earlier jobs of the model.
  public var reused: Int64 = 0
  /// Texts that were sent and answered.
  public var texts: Int64 = 0
  /// Requests that were answered with vectors.
  public var requests: Int64 = 0
  /// Attempts that were repeated: overload, failures, timeouts.
  public var repeated: Int64 = 0
  /// As the endpoint counts them, or, where it does not, a quarter of the bytes.
  public var tokens: Int64 = 0
  public var cost: Double?
  /// Points without the template's fields.
  public var skipped: Int64 = 0
  /// Points whose text the model refuses.
  public var setAside: Int64 = 0
  /// The first of those without a vector.
  public var exceptions: [Exception] = []
  /// Of the answers of both models, over a sample of points.
  public var agreement: Double?
  /// Share of a sample of texts that, searched for, find their own point among the first ten.
  public var knownItems: Double?

  public static let exceptionsMax = 20

  public init(embedder: String) { self.embedder = embedder }

  public mutating func note(_ id: PointID, _ reason: String) {
    let exception = Exception(id: "\(id)", reason: String(reason.prefix(300)))
    guard exceptions.count < Self.exceptionsMax, !exceptions.contains(where: { $0.id == exception.id }) else {
      return
    }
    exceptions.append(exception)
  }
}

/// What a re-embedding would take.
public struct EmbeddingPlan: Sendable, Codable, Equatable {
  public var points: Int
  public var distinctTexts: Int
  /// Distinct texts whose vectors are there from earlier jobs.
  public var cachedTexts: Int
  /// Points without the template's fields.
  public var skipped: Int
  public var exceptions: [EmbeddingReport.Exception]
  /// Of the texts to send; a quarter of their bytes.
  public var tokens: Int64
  public var requests: Int
  /// By the embedder's limits; absent when it has none.
  public var secondsMin: Double?
  public var cost: Double?
  /// Of the vectors on disk: once in the cache, once in the collection.
  public var diskNeeded: Int
  /// The first text, to see what is sent.
  public var example: String?

  public init(
    points: Int, distinctTexts: Int, cachedTexts: Int, skipped: Int, exceptions: [EmbeddingReport.Exception],
    tokens: Int64, requests: Int, secondsMin: Double?, cost: Double?, diskNeeded: Int, example: String?
  ) {
    self.points = points
    self.distinctTexts = distinctTexts
    self.cachedTexts = cachedTexts
    self.skipped = skipped
    self.exceptions = exceptions
    self.tokens = tokens
    self.requests = requests
    self.secondsMin = secondsMin
    self.cost = cost
    self.diskNeeded = diskNeeded
    self.example = example
  }
}
