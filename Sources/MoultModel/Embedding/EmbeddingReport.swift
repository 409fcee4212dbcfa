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
  /// Answers to queries whose right ones are known; absent where none were given.
  public var labelled: LabelledProof?
  /// Ids and payloads of source and target, compared before the cut-over; absent until then.
  public var payloads: PayloadComparison?
  /// What answers queries of the new model until the cut-over; absent where nothing was fitted.
  public var bridge: BridgeReport?
  /// Of all answered requests together.
  public var requestSeconds: Double?

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

/// How both models answer queries whose right answers are known.
public struct LabelledProof: Sendable, Codable, Equatable {
  /// Hits that count.
  public var k: Int
  /// Those of which at least one right answer is in the collection.
  public var queries: Int
  /// The others.
  public var ignored: Int
  /// Mean share of the right answers among the first k; `nil` where the old model is not known.
  public var recallBefore: Double?
  public var recallAfter: Double
  /// Mean normalized discounted cumulative gain of the first k, a right answer counting 1.
  public var ndcgBefore: Double?
  public var ndcgAfter: Double
  /// After less before, on the same queries, with the 95 % interval of a paired bootstrap.
  public var recallChange: RecallDifference?
  public var ndcgChange: RecallDifference?

  public init(
    k: Int, queries: Int, ignored: Int, recallBefore: Double? = nil, recallAfter: Double,
    ndcgBefore: Double? = nil,
    ndcgAfter: Double, recallChange: RecallDifference? = nil, ndcgChange: RecallDifference? = nil
  ) {
    self.k = k
    self.queries = queries
    self.ignored = ignored
    self.recallBefore = recallBefore
    self.recallAfter = recallAfter
    self.ndcgBefore = ndcgBefore
    self.ndcgAfter = ndcgAfter
    self.recallChange = recallChange
    self.ndcgChange = ndcgChange
  }
}

/// Ids and payloads of two collections, point by point.
public struct PayloadComparison: Sendable, Codable, Equatable {
  public var points: Int
  /// Of all of them in no order: 32 hexadecimal digits, the same on both sides.
  public var digest: String

  public init(points: Int, digest: String) {
    self.points = points
    self.digest = digest
  }
}

/// Maps between the spaces of the old model and the new one, fitted to a sample of texts that both have embedded.
public struct BridgeReport: Sendable, Codable, Equatable {
  /// The old model; `nil` where it is not known.
  public var oldModel: String?
  public var newModel: String
  /// Points that it was fitted to.
  public var pairs: Int
  /// Recall@10 of queries mapped from the new model to the old one, on pairs that were left out of the fit, among the
  /// sample: among all points it is lower.
  public var recall: MeasuredRecall
  /// The same without a map; absent where the dimensions differ.
  public var recallUnmapped: MeasuredRecall?
  /// The same with documents mapped from the old model to the new one.
  public var recallOfDocuments: MeasuredRecall

  public init(
    oldModel: String?, newModel: String, pairs: Int, recall: MeasuredRecall,
    recallUnmapped: MeasuredRecall? = nil, recallOfDocuments: MeasuredRecall
  ) {
    self.oldModel = oldModel
    self.newModel = newModel
    self.pairs = pairs
    self.recall = recall
    self.recallUnmapped = recallUnmapped
    self.recallOfDocuments = recallOfDocuments
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
  /// At the pace of the last job of the embedder, and not below its limits; absent where there was none.
  public var secondsExpected: Double?
  public var cost: Double?
  /// Of the vectors on disk: once in the cache, once in the collection.
  public var diskNeeded: Int
  /// The first text, to see what is sent.
  public var example: String?

  public init(
    points: Int, distinctTexts: Int, cachedTexts: Int, skipped: Int, exceptions: [EmbeddingReport.Exception],
    tokens: Int64, requests: Int, secondsMin: Double?, secondsExpected: Double? = nil, cost: Double?,
    diskNeeded: Int,
    example: String?
  ) {
    self.points = points
    self.distinctTexts = distinctTexts
    self.cachedTexts = cachedTexts
    self.skipped = skipped
    self.exceptions = exceptions
    self.tokens = tokens
    self.requests = requests
    self.secondsMin = secondsMin
    self.secondsExpected = secondsExpected
    self.cost = cost
    self.diskNeeded = diskNeeded
    self.example = example
  }
}
