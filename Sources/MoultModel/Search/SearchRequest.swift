/// Nearest-neighbour search for one or several queries.
public struct SearchRequest: Sendable {
  /// `queryCount × dimension`, row-major.
  public var queries: [Float]
  public var dimension: Int
  /// Hits wanted per query, 1 … 16 384 together with `offset`.
  public var limit: Int
  /// Hits skipped per query.
  public var offset: Int
  /// Candidates kept while a graph is searched; `nil` chooses. Ignored by other indexes.
  public var ef: Int?
  /// Lists of an inverted file that are looked into; `nil` chooses. Ignored by other indexes.
  public var probes: Int?
  /// Score every full-precision vector instead of codes.
  public var exact: Bool
  /// Candidates per hit rescored with full precision; overrides the generation's. 1 = no rescoring.
  public var oversampling: Double?
  /// Only points that match are found; `nil` finds all.
  public var filter: PointFilter?
  /// Only hits with such scores are returned.
  public var range: SearchRange?
  /// Groups the hits; `limit` and `offset` count groups then.
  public var grouping: SearchGrouping?
  public var includePayload: Bool
  public var includeVectors: Bool
  /// Whether a vector field that is still being filled is no answer at all, rather than one with a warning in the log.
  public var refusesPartial: Bool

  public init(
    queries: [Float], dimension: Int, limit: Int, offset: Int = 0, ef: Int? = nil, probes: Int? = nil,
    exact: Bool = false, oversampling: Double? = nil, filter: PointFilter? = nil, range: SearchRange? = nil,
    grouping: SearchGrouping? = nil, includePayload: Bool = false,
    includeVectors: Bool = false, refusesPartial: Bool = false
  ) {
    self.queries = queries
    self.dimension = dimension
    self.limit = limit
    self.offset = offset
    self.ef = ef
    self.probes = probes
    self.exact = exact
    self.oversampling = oversampling
    self.filter = filter
    self.range = range
    self.grouping = grouping
    self.includePayload = includePayload
    self.includeVectors = includeVectors
    self.refusesPartial = refusesPartial
  }
}

/// One hit.
public struct SearchHit: Sendable, Equatable {
  public var id: PointID
  /// In the metric's own sense: cosine and inner product descending, squared Euclidean ascending.
  public var score: Float
  public var payload: String?
  public var vector: [Float]?
  /// Value of the field that hits are grouped by.
  public var group: PointFilter.Scalar?

  public init(
    id: PointID, score: Float, payload: String? = nil, vector: [Float]? = nil,
    group: PointFilter.Scalar? = nil
  ) {
    self.id = id
    self.score = score
    self.payload = payload
    self.vector = vector
    self.group = group
  }
}

/// Which form of which collection answered a request.
public struct ServedBy: Sendable, Codable, Equatable, Hashable {
  /// The collection's own name, never an alias.
  public var collection: String
  /// The generation's number, unique in the data directory and rising.
  public var generation: Int64

  public init(collection: String, generation: Int64) {
    self.collection = collection
    self.generation = generation
  }
}

/// Hits of each query, best first, and who found them.
public struct SearchResponse: Sendable {
  public var hits: [[SearchHit]]
  public var servedBy: ServedBy
  /// How queries of another model than that of the vectors were answered; `nil` for all others.
  public var bridge: BridgeUse?

  public init(hits: [[SearchHit]], servedBy: ServedBy) {
    self.hits = hits
    self.servedBy = servedBy
  }
}

/// How queries of a model were answered whose vectors are still being made.
public struct BridgeUse: Sendable, Equatable {
  /// Of the queries.
  public var model: String
  /// Hits that were put in their place by their new vector.
  public var rescored = 0
  /// Those that were by their old one, mapped.
  public var estimated = 0

  public init(model: String, rescored: Int = 0, estimated: Int = 0) {
    self.model = model
    self.rescored = rescored
    self.estimated = estimated
  }
}
