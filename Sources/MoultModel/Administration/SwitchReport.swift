/// What a switch or reindex measured and cost. Recall is against exact search of the full-precision
/// vectors that were live when it was measured.
public struct SwitchReport: Sendable, Codable, Equatable {
  public enum QuerySource: String, Sendable, Codable {
    /// Given by the caller.
    case given
    /// Queries of the collection's recent searches, which the server remembers.
    case recentSearches
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
  /// Recall after − recall before, on the same queries.
  public var recallDifference: RecallDifference?
  /// Recall of the new codes without the graph, by a scan of all of them with the same rescoring: what is
  /// missing to it the graph has lost. Measured when a graph was suspected.
  public var recallFlat: MeasuredRecall?
  /// Recall of the new generation's codes alone.
  public var recallWithoutRescoring: MeasuredRecall?
  /// What calibration for the form's target of recall came to; searches of the generation follow it. Absent
  /// without a target.
  public var rescoring: RescoringPolicy?
  public var minimumRecall: Double
  /// The lower end of `recallDifference` had to reach minus this.
  public var maximumLoss: Double?
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
  /// Absent where the new form has no graph.
  public var graph: GraphWork?
  /// Rows the encoder was trained on.
  public var trainingRows: Int
  /// What a reader should know: shrunk samples, optimistic queries and the like.
  public var notes: [String]

  public init(
    querySource: QuerySource = .none, recallBefore: MeasuredRecall? = nil,
    recallAfter: MeasuredRecall? = nil, recallDifference: RecallDifference? = nil,
    recallFlat: MeasuredRecall? = nil, recallWithoutRescoring: MeasuredRecall? = nil,
    rescoring: RescoringPolicy? = nil, minimumRecall: Double = 0, maximumLoss: Double? = nil, rows: Int = 0,
    bytesPerVectorBefore: Int = 0, bytesPerVectorAfter: Int = 0,
    trainSeconds: Double = 0, encodeSeconds: Double = 0, indexSeconds: Double = 0,
    verifySeconds: Double = 0, writersPausedSeconds: Double = 0, totalSeconds: Double = 0,
    graph: GraphWork? = nil, trainingRows: Int = 0, notes: [String] = []
  ) {
    self.querySource = querySource
    self.recallBefore = recallBefore
    self.recallAfter = recallAfter
    self.recallDifference = recallDifference
    self.recallFlat = recallFlat
    self.recallWithoutRescoring = recallWithoutRescoring
    self.rescoring = rescoring
    self.minimumRecall = minimumRecall
    self.maximumLoss = maximumLoss
    self.rows = rows
    self.bytesPerVectorBefore = bytesPerVectorBefore
    self.bytesPerVectorAfter = bytesPerVectorAfter
    self.trainSeconds = trainSeconds
    self.encodeSeconds = encodeSeconds
    self.indexSeconds = indexSeconds
    self.verifySeconds = verifySeconds
    self.writersPausedSeconds = writersPausedSeconds
    self.totalSeconds = totalSeconds
    self.graph = graph
    self.trainingRows = trainingRows
    self.notes = notes
  }
}
