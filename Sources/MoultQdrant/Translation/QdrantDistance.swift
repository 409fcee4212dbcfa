internal import MoultModel

/// How Qdrant measures nearness.
enum QdrantDistance: String, CaseIterable, Sendable {
  /// Vectors are given back normalized.
  case cosine = "Cosine"
  case dot = "Dot"
  /// The distance itself, not its square.
  case euclid = "Euclid"
  /// Σ |a − b|. No code of the engine orders by it: searches read every full-precision vector.
  case manhattan = "Manhattan"

  /// What the engine measures. Under Manhattan its own order is of no use.
  var metric: Metric {
    switch self {
    case .cosine: .cosine
    case .dot: .innerProduct
    case .euclid, .manhattan: .squaredEuclidean
    }
  }

  init(_ metric: Metric) {
    switch metric {
    case .cosine: self = .cosine
    case .innerProduct: self = .dot
    case .squaredEuclidean: self = .euclid
    }
  }

  var higherIsNearer: Bool { self == .cosine || self == .dot }
}
