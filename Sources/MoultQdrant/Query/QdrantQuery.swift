internal import MoultModel

/// A universal query, or one of its prefetches.
struct QdrantQuery: Sendable {
  /// What a query is near to.
  enum Example: Sendable, Equatable {
    /// Stands for that point's vector, which is not among the hits then.
    case id(PointID)
    case dense([Float])
    case sparse(QdrantSparseVector)
    case multi(QdrantMultiVector)
    /// Stands for what its model makes of it.
    case document(QdrantDocument)
  }

  struct Pair: Sendable, Equatable {
    var positive: Example
    var negative: Example
  }

  struct Diversity: Sendable, Equatable {
    /// 0 … 1; 0 orders by nearness alone.
    var diversity = 0.5
    /// Hits that are ordered anew; as many as are wanted unless it is given.
    var candidates: Int?
  }

  enum Strategy: String, Sendable, CaseIterable {
    case averageVector = "average_vector"
    case bestScore = "best_score"
    case sumScores = "sum_scores"
  }

  struct Feedback: Sendable, Equatable {
    var example: Example
    var score: Float
  }

  /// What the formula of relevance feedback is about.
  struct FeedbackWeights: Sendable, Equatable {
    var a: Float
    var b: Float
    var c: Float
  }

  indirect enum Kind: Sendable {
    case nearest(Example, Diversity?)
    case recommend(positive: [Example], negative: [Example], Strategy)
    case discover(Example, [Pair])
    case context([Pair])
    case feedback(Example, [Feedback], FeedbackWeights)
    case orderBy(QdrantOrder)
    case sample
    case fusion(QdrantFusion)
    case formula(QdrantFormula)
    case text(QdrantText)
  }

  /// Where ids of examples are looked up.
  struct Lookup: Sendable, Equatable {
    var collection: String
    var vector: String?
  }

  struct Parameters: Sendable, Equatable {
    var ef: Int?
    var exact = false
    var oversampling: Double?
    /// Points that tell how much an index or a word tells; `nil` for all.
    var corpus: QdrantFilter?
  }

  var prefetches: [QdrantQuery] = []
  /// `nil`: by id.
  var kind: Kind?
  var using: String?
  var filter: QdrantFilter?
  var parameters = Parameters()
  var scoreThreshold: Float?
  var limit = 10
  var offset = 0
  var lookup: Lookup?

  /// Prefetches inside prefetches at most.
  static let depthMax = 16
  /// Queries in a query at most.
  static let prefetchCountMax = 256
  /// Examples of relevance feedback at most: each is compared with all of them.
  static let feedbackCountMax = 1_000

  /// Points that stand for vectors.
  var examples: [Example] {
    switch kind {
    case .nearest(let example, _): [example]
    case .recommend(let positive, let negative, _): positive + negative
    case .discover(let target, let pairs): [target] + pairs.flatMap { [$0.positive, $0.negative] }
    case .context(let pairs): pairs.flatMap { [$0.positive, $0.negative] }
    case .feedback(let target, let feedback, _): [target] + feedback.map(\.example)
    case .orderBy, .sample, .fusion, .formula, .text, nil: []
    }
  }
}
