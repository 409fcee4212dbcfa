/// What is done with a point that lacks a field of the template.
public enum MissingTextPolicy: String, Sendable, Codable, CaseIterable {
  /// The point gets no vector, and is counted.
  case skip
  /// The field counts as an empty text; a point without any text is skipped.
  case empty
  /// The job fails and names the point.
  case fail
}

/// Copies a collection, payload and all, into a new one whose vectors another model makes from the stored text, then
/// moves an alias to it.
public struct ReembedRequest: Sendable, Codable, Equatable {
  /// Name of the collection to copy, or an alias of it.
  public var source: String
  /// Name of the collection to make; a plan needs none.
  public var target: String?
  /// In place of `target`: a vector field of the collection itself, which is made when missing and filled from then on.
  public var field: String?
  /// Name of the embedder; empty with `bm25`.
  public var embedder: String
  /// In place of an embedder: `field` is a sparse vector that the server makes of the text, by BM25.
  public var bm25: TextVector.Weights?
  /// See ``TextTemplate``; absent for an embedder of files, which knows points by their ids.
  public var text: String?
  public var specification: EncodingSpecification
  /// Alias that moves to the target in the same instant in which the target appears; made when missing.
  public var alias: String?
  /// The collection that the alias must point to when it moves; if it does not, the job fails and nothing changes.
  public var ifCurrent: String?
  /// `nil` keeps that of the source.
  public var metric: Metric?
  public var missing: MissingTextPolicy
  /// Points whose texts the model refuses, at most: with more the new collection does not go live.
  public var maximumSetAside: Int
  /// In the currency of the embedder's price; when it is spent the job pauses. Resumed, it may spend as much again.
  public var budget: Double?
  /// Answers of both models must overlap by so much at least, 0 … 1; 0 measures and lets pass.
  public var minimumAgreement: Double
  /// Queries whose right answers are known; both models are asked them before the cut-over.
  public var labelledQueries: [LabelledQuery]
  /// The lower end of the interval of nDCG@10 after less before, over the labelled queries, must reach minus this;
  /// `nil` measures and lets pass.
  public var maximumLabelledLoss: Double?
  /// Whether queries of the new model are answered until the cut-over too, from the old vectors.
  public var bridges: Bool
  /// Of the new form against exact search of the new vectors.
  public var gate: RecallGateRequest
  /// In `JobInfo.priorities`; higher goes first.
  public var priority: Int
  /// Go live at this moment and not before, in milliseconds since 1970; `JobInfo.untilReleased` waits for a person.
  public var swapAt: Int64?
  public var limits: JobLimits
  /// Jobs that must complete before this one begins; when one of them does not, this one fails.
  public var after: [Int64]

  public init(
    source: String, target: String?, field: String? = nil, embedder: String, bm25: TextVector.Weights? = nil,
    text: String?,
    specification: EncodingSpecification = EncodingSpecification(), alias: String? = nil,
    ifCurrent: String? = nil, metric: Metric? = nil, missing: MissingTextPolicy = .fail,
    maximumSetAside: Int = 0, budget: Double? = nil, minimumAgreement: Double = 0,
    labelledQueries: [LabelledQuery] = [], maximumLabelledLoss: Double? = nil, bridges: Bool = true,
    gate: RecallGateRequest = RecallGateRequest(), priority: Int = 0, swapAt: Int64? = nil,
    limits: JobLimits = JobLimits(), after: [Int64] = []
  ) {
    self.source = source
    self.target = target
    self.field = field
    self.embedder = embedder
    self.bm25 = bm25
    self.text = text
    self.specification = specification
    self.alias = alias
    self.ifCurrent = ifCurrent
    self.metric = metric
    self.missing = missing
    self.maximumSetAside = maximumSetAside
    self.budget = budget
    self.minimumAgreement = minimumAgreement
    self.labelledQueries = labelledQueries
    self.maximumLabelledLoss = maximumLabelledLoss
    self.bridges = bridges
    self.gate = gate
    self.priority = priority
    self.swapAt = swapAt
    self.limits = limits
    self.after = after
  }
}
