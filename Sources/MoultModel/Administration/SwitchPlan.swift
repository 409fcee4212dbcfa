/// What a switch or reindex will take: the bill before the start. Nothing was changed by asking.
public struct SwitchPlan: Sendable, Codable, Equatable {
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

  public init(
    rows: Int, bytesPerVectorBefore: Int, bytesPerVectorAfter: Int, graph: GraphWork.Kind?, trainingRows: Int,
    diskNeeded: Int, diskFree: Int, memoryNeeded: Int, memoryFree: Int?, predictedSeconds: Double?,
    basis: String
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
  }
}
