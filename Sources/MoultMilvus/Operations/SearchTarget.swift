internal import MoultModel

/// A vector field as a search sees it.
enum SearchTarget {
  case dense(VectorTarget)
  case payload(PayloadTarget)

  var field: CollectionDefinition.Field {
    switch self {
    case .dense(let target): target.field
    case .payload(let target): target.field
    }
  }

  var metric: MilvusMetric {
    switch self {
    case .dense(let target): MilvusMetric(target.metric)
    case .payload(let target): target.metric
    }
  }
}

/// What a search looks for.
enum SearchQueries {
  /// One vector after the other.
  case dense([Float], dimension: Int)
  /// Of a dense field, whose model makes their vectors.
  case texts([String])
  case payload([PayloadSearch.Query])

  static let none = SearchQueries.payload([])

  var count: Int {
    switch self {
    case .dense(let floats, let dimension): floats.count / dimension
    case .texts(let texts): texts.count
    case .payload(let queries): queries.count
    }
  }
}
