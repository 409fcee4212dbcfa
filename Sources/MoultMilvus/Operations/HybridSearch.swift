/// Several searches of one collection whose rankings are made one.
struct HybridSearch {
  /// Each with its own field, limit and filter, and as many queries as the others; their offsets do not count.
  var searches: [MilvusSearch]
  var ranker: HybridRanker
  var limit: Int
  var offset = 0
  var grouping: RankGrouping?
}

/// What a search does with its hits beside ordering them by score.
struct MilvusRanking {
  var ranker: HybridRanker?
  var boosts: Boosts

  /// - Throws: 1100 for functions that are not known or do not go together.
  init(_ functions: [RankFunction], parameters: [String: String], in collection: DescribedCollection) throws {
    let rankers = try functions.compactMap { try $0.ranker(in: collection) }
    guard rankers.count <= 1 else { throw MilvusError.invalidParameter("Currently only supports one rerank") }
    ranker = rankers.first
    boosts = try Boosts(functions, parameters: parameters)
  }

  /// For a hybrid search, which has to have a ranker and boosts nothing.
  func hybridRanker() throws -> HybridRanker {
    guard let ranker, boosts.boosts.isEmpty else {
      throw MilvusError.invalidParameter(
        "hybrid search takes one rerank function of decay, rrf, weighted, and no boost")
    }
    return ranker
  }
}
