internal import MoultModel

/// One vector of a collection, and how the engine calls it.
struct QdrantVector: Sendable, Equatable {
  enum Kind: Sendable, Equatable {
    case dense(dimension: Int)
    /// Searched with `PayloadSearch` of ``QdrantVector/target`` and ``QdrantVector/scoring``.
    case sparse
    /// Searched with `MultiVectorSearch` of that part of the payload.
    case multi(dimension: Int, part: Int)

    /// Whether a point's payload has it.
    var isInPayload: Bool { if case .dense = self { false } else { true } }
  }

  /// Empty for the one that has none.
  var name: String
  var kind: Kind
  /// Of dense vectors; sparse ones are compared by their inner product.
  var distance: QdrantDistance
  /// What the engine searches. Of a dense vector the collection's name, or `collection:field`; of another one the
  /// member of the payload, in the collection, that points with the vector have.
  var target: String
  /// Of sparse vectors: whether a query's values are weighted by how much their indices tell (`modifier` `idf`).
  var weighsIndices = false
  /// The engine's name of the vector field; `nil` for the collection's first field and for sparse vectors.
  var field: String?

  /// How a sparse vector is compared.
  var scoring: PayloadSearch.Scoring { weighsIndices ? .weightedSparse : .sparse }

  /// What Qdrant calls the score that the engine gives.
  func score(_ own: Float) -> Float {
    switch (distance, kind) {
    // Sums of distances turned negative.
    case (.euclid, .multi): abs(own).squareRoot()
    case (.manhattan, .multi): abs(own)
    case (.euclid, _): max(0, own).squareRoot()
    case (.cosine, _), (.dot, _), (.manhattan, _): own
    }
  }

  /// How rows of multivectors are compared; those of cosine are normalized.
  var rowSimilarity: MultiVectorSearch.Similarity {
    switch distance {
    case .cosine, .dot: .innerProduct
    case .euclid: .euclidean
    case .manhattan: .manhattan
    }
  }

  /// Hits with this of Qdrant's scores or a better one, in the engine's scores.
  func range(threshold: Float) -> SearchRange {
    switch distance {
    case .cosine, .dot: SearchRange(lower: .init(threshold, isInclusive: true))
    // No distance is below 0: the square of such a threshold would let hits through.
    case .euclid, .manhattan:
      SearchRange(
        upper: .init(
          threshold < 0 ? -1 : distance == .euclid ? threshold * threshold : threshold, isInclusive: true))
    }
  }

  /// The vector of a point that was read with its vectors, as Qdrant tells it; `nil` where the point has none, and for
  /// sparse vectors.
  func values(of point: Point) -> [Float]? {
    guard case .dense = kind, let stored = field.map({ point.fields[$0] }) ?? point.vector else { return nil }
    return distance == .cosine ? Self.normalized(stored) : stored
  }

  /// Of length 1, as Qdrant stores vectors under cosine.
  static func normalized(_ vector: [Float]) -> [Float] {
    let squared = vector.reduce(0.0) { $0 + Double($1) * Double($1) }
    // Within what rounding does to a normalized vector: it stays as it is.
    guard squared > 0, abs(squared - 1) > 1e-6 else { return vector }
    let scale = 1 / squared.squareRoot()
    return vector.map { Float(Double($0) * scale) }
  }
}
