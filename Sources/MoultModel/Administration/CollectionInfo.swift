/// What a collection looks like from outside.
public struct CollectionInfo: Sendable, Codable, Equatable {
  public var name: String
  /// Unique in the data directory, never reused.
  public var id: Int64
  public var schema: CollectionSchema
  /// Live points.
  public var count: Int
  public var aliases: [String]
  /// The generation that answers searches.
  public var generation: GenerationInfo
  /// The generation `rollback` would return to.
  public var previousGeneration: GenerationInfo?
  /// Milliseconds since 1970.
  public var createdAt: Int64
  /// Rises with every change of the collection's definition; what clients cache a schema by.
  public var updatedAt: Int64
  /// False while a reindex is still filling it.
  public var ready: Bool

  public init(
    name: String, id: Int64, schema: CollectionSchema, count: Int, aliases: [String],
    generation: GenerationInfo, previousGeneration: GenerationInfo?, createdAt: Int64, updatedAt: Int64,
    ready: Bool
  ) {
    self.name = name
    self.id = id
    self.schema = schema
    self.count = count
    self.aliases = aliases
    self.generation = generation
    self.previousGeneration = previousGeneration
    self.createdAt = createdAt
    self.updatedAt = updatedAt
    self.ready = ready
  }
}

/// One form in which a collection's vectors are held.
public struct GenerationInfo: Sendable, Codable, Equatable {
  public enum State: String, Sendable, Codable, CaseIterable {
    /// Being built; answers nothing yet.
    case building
    /// Answers searches.
    case live
    /// Kept for rollback.
    case retained
  }

  /// Unique in the data directory and rising.
  public var id: Int64
  public var state: State
  public var specification: EncodingSpecification
  /// Bytes that hold one vector for searching: code and correction terms, without full precision.
  public var bytesPerVector: Int
  public var createdAt: Int64
  public var publishedAt: Int64?
  /// How the switch that made it went; absent for the first generation of a collection.
  public var report: SwitchReport?

  public init(
    id: Int64, state: State, specification: EncodingSpecification, bytesPerVector: Int, createdAt: Int64,
    publishedAt: Int64?, report: SwitchReport?
  ) {
    self.id = id
    self.state = state
    self.specification = specification
    self.bytesPerVector = bytesPerVector
    self.createdAt = createdAt
    self.publishedAt = publishedAt
    self.report = report
  }
}

/// A share with its 95 % confidence interval, as measured on sample queries.
public struct MeasuredRecall: Sendable, Codable, Equatable {
  public var mean: Double
  public var lower: Double
  public var upper: Double
  public var queryCount: Int
  /// Neighbours per query that were compared.
  public var k: Int

  public init(mean: Double, lower: Double, upper: Double, queryCount: Int, k: Int) {
    self.mean = mean
    self.lower = lower
    self.upper = upper
    self.queryCount = queryCount
    self.k = k
  }
}

/// What a switch or reindex measured and cost. Recall is against exact search of the full-precision
/// vectors that were live when it was measured.
public struct SwitchReport: Sendable, Codable, Equatable {
  public enum QuerySource: String, Sendable, Codable {
    /// Given by the caller.
    case given
    /// Stored vectors with noise added; optimistic, because such queries lie among the documents.
    case perturbedDocuments
    /// The collection was empty; nothing could be measured.
    case none
  }

  public var querySource: QuerySource
  /// Recall of the generation that answered before, with its own rescoring.
  public var recallBefore: MeasuredRecall?
  /// Recall of the new generation as it will be searched, rescoring included.
  public var recallAfter: MeasuredRecall?
  /// Recall of the new generation's codes alone.
  public var recallWithoutRescoring: MeasuredRecall?
  public var minimumRecall: Double
  public var rows: Int
  public var bytesPerVectorBefore: Int
  public var bytesPerVectorAfter: Int
  public var trainSeconds: Double
  public var encodeSeconds: Double
  public var indexSeconds: Double
  public var verifySeconds: Double
  /// Time during which writers had to wait for the cut-over.
  public var writersPausedSeconds: Double
  public var totalSeconds: Double
  /// Whether the index graph of the earlier generation was kept.
  public var keptGraph: Bool
  /// Rows the encoder was trained on.
  public var trainingRows: Int
  /// What a reader should know: shrunk samples, optimistic queries and the like.
  public var notes: [String]

  public init(
    querySource: QuerySource = .none, recallBefore: MeasuredRecall? = nil,
    recallAfter: MeasuredRecall? = nil, recallWithoutRescoring: MeasuredRecall? = nil,
    minimumRecall: Double = 0, rows: Int = 0, bytesPerVectorBefore: Int = 0, bytesPerVectorAfter: Int = 0,
    trainSeconds: Double = 0, encodeSeconds: Double = 0, indexSeconds: Double = 0,
    verifySeconds: Double = 0, writersPausedSeconds: Double = 0, totalSeconds: Double = 0,
    keptGraph: Bool = false, trainingRows: Int = 0, notes: [String] = []
  ) {
    self.querySource = querySource
    self.recallBefore = recallBefore
    self.recallAfter = recallAfter
    self.recallWithoutRescoring = recallWithoutRescoring
    self.minimumRecall = minimumRecall
    self.rows = rows
    self.bytesPerVectorBefore = bytesPerVectorBefore
    self.bytesPerVectorAfter = bytesPerVectorAfter
    self.trainSeconds = trainSeconds
    self.encodeSeconds = encodeSeconds
    self.indexSeconds = indexSeconds
    self.verifySeconds = verifySeconds
    self.writersPausedSeconds = writersPausedSeconds
    self.totalSeconds = totalSeconds
    self.keptGraph = keptGraph
    self.trainingRows = trainingRows
    self.notes = notes
  }
}
