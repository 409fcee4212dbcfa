/// What a switch or reindex will take: the bill before the start. Nothing was changed by asking.
public struct SwitchPlan: Sendable, Codable, Equatable {
  /// Bytes on disk of one kind of file.
  public struct Tier: Sendable, Codable, Equatable {
    public enum Kind: String, Sendable, Codable, CaseIterable {
      /// Full precision.
      case vectors
      case codes
      /// Graphs and inverted files.
      case index
    }

    public var kind: Kind
    /// Of what answers today.
    public var before: Int
    /// Of what will answer, at most.
    public var after: Int

    public init(kind: Kind, before: Int, after: Int) {
      self.kind = kind
      self.before = before
      self.after = after
    }
  }

  /// What the codes found among sample rows, against exact search among the same rows. More rows are harder.
  public struct Recall: Sendable, Codable, Equatable {
    /// With the oversampling and rescoring of the form (its default, where it has a target of recall).
    public var searched: MeasuredRecall
    public var codesAlone: MeasuredRecall
    public var rows: Int
    public var querySource: SwitchReport.QuerySource

    public init(
      searched: MeasuredRecall, codesAlone: MeasuredRecall, rows: Int, querySource: SwitchReport.QuerySource
    ) {
      self.searched = searched
      self.codesAlone = codesAlone
      self.rows = rows
      self.querySource = querySource
    }
  }

  /// Live rows.
  public var rows: Int
  public var bytesPerVectorBefore: Int
  /// At most; what is learned decides about the last bytes.
  public var bytesPerVectorAfter: Int
  /// What becomes of graphs; absent where the new form has none.
  public var graph: GraphWork.Kind?
  /// Rows that the encoder will learn from.
  public var trainingRows: Int
  /// Bytes of new files at most. Those of the generation that is given up are freed afterwards.
  public var diskNeeded: Int
  public var diskFree: Int
  /// Bytes that the job will hold beside the codes and graphs that it makes, at most.
  public var memoryNeeded: Int
  /// Bytes that processes may still take; absent where the system does not tell.
  public var memoryFree: Int?
  /// Absent where nothing was measured yet that tells.
  public var predictedSeconds: Double?
  /// What the prediction rests on, or why there is none.
  public var basis: String
  public var tiers: [Tier]
  /// What is not made anew, in words.
  public var reused: [String]
  /// Absent for full precision, and for an empty collection.
  public var recall: Recall?

  public init(
    rows: Int, bytesPerVectorBefore: Int, bytesPerVectorAfter: Int, graph: GraphWork.Kind?, trainingRows: Int,
    diskNeeded: Int, diskFree: Int, memoryNeeded: Int, memoryFree: Int?, predictedSeconds: Double?,
    basis: String, tiers: [Tier] = [], reused: [String] = [], recall: Recall? = nil
  ) {
    self.rows = rows
    self.bytesPerVectorBefore = bytesPerVectorBefore
    self.bytesPerVectorAfter = bytesPerVectorAfter
    self.graph = graph
    self.trainingRows = trainingRows
    self.diskNeeded = diskNeeded
    self.diskFree = diskFree
    self.memoryNeeded = memoryNeeded
    self.memoryFree = memoryFree
    self.predictedSeconds = predictedSeconds
    self.basis = basis
    self.tiers = tiers
    self.reused = reused
    self.recall = recall
  }
}
