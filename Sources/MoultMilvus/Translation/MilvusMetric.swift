internal import MoultModel

/// How nearness is measured, by the names of Milvus.
enum MilvusMetric: String, CaseIterable, Sendable {
  case cosine = "COSINE"
  case innerProduct = "IP"
  case squaredEuclidean = "L2"
  case hamming = "HAMMING"
  case jaccard = "JACCARD"
  case bm25 = "BM25"

  /// - Parameter name: in any case.
  init?(name: String) { self.init(rawValue: name.uppercased()) }

  init(_ metric: Metric) {
    switch metric {
    case .cosine: self = .cosine
    case .innerProduct: self = .innerProduct
    case .squaredEuclidean: self = .squaredEuclidean
    }
  }

  var higherIsNearer: Bool {
    switch self {
    case .cosine, .innerProduct, .bm25: true
    case .squaredEuclidean, .hamming, .jaccard: false
    }
  }
}
