import MoultCompute
package import MoultModel
import MoultStorage

extension Engine {
  /// Finds points by sparse vectors, bits or words in their payload.
  ///
  /// - Throws: `invalidArgument`, `invalidVector` (a sparse query), `collectionNotFound`, `overloaded`;
  ///   `CancellationError` at once when the task is cancelled.
  package func search(_ request: PayloadSearch, in name: String) async throws -> SearchResponse {
    let collection = try aliases.resolveReady(name)
    try resources.checkCoverage(ofMember: request.field, of: collection)
    let window = SearchWindow(
      queryCount: request.queries.count, limit: request.limit, offset: request.offset,
      filter: request.filter, range: request.range, grouping: request.grouping)
    try window.check()
    let kind = try Self.kind(of: request)
    if let corpus = request.corpus { try Self.check(corpus) }
    return try await answer(
      window, of: collection, metric: request.scoring.higherIsNearer ? .innerProduct : .squaredEuclidean,
      includePayload: request.includePayload
    ) { [resources] filtered, snapshot in
      let index = collection.payloadIndexes.index(of: request.field, kind)
      let corpus = try request.corpus.map {
        try collection.filters.apply(
          $0, to: snapshot, points: collection.points, directory: resources.directory)
      }
      return { count in
        try index.search(
          request, count: count, in: filtered, corpus: corpus, of: snapshot, points: collection.points,
          directory: resources.directory)
      }
    }
  }

  /// - Throws: `invalidArgument` unless all queries are what the scoring compares, and its numbers lie where they may.
  private static func kind(of request: PayloadSearch) throws -> PayloadIndex.Kind {
    guard (0..<1).contains(request.dropRatio) else {
      throw MoultError(.invalidArgument, "dropRatio must be in 0 ..< 1, got \(request.dropRatio)")
    }
    var sizes: Set<Int> = []
    for query in request.queries {
      switch (query, request.scoring) {
      case (.sparse(let indices, let values), .sparse), (.sparse(let indices, let values), .weightedSparse):
        _ = try SparseVector(indices: indices, values: values)
      case (.sparseExamples(let examples, let combination), .sparse),
        (.sparseExamples(let examples, let combination), .weightedSparse):
        guard examples.count <= ExampleSearch.exampleCountMax, combination.fits(examples.count) else {
          throw MoultError(
            .invalidArgument,
            "\(examples.count) examples, at most \(ExampleSearch.exampleCountMax), cannot be combined so: \(combination)"
          )
        }
        for example in examples { _ = try SparseVector(indices: example.indices, values: example.values) }
      case (.text(let text), .bm25):
        guard text.utf8.count <= 65_535 else {
          throw MoultError(
            .invalidArgument, "a text that is searched for takes 65535 bytes, got \(text.utf8.count)")
        }
      case (.bits(let bytes), .hamming), (.bits(let bytes), .jaccard): sizes.insert(bytes.count)
      default:
        throw MoultError(
          .invalidArgument,
          "queries of field '\(request.field)' are of another kind than its scoring compares")
      }
    }
    switch request.scoring {
    case .sparse: return .sparse
    case .weightedSparse: return .weightedSparse
    case .bm25(let k1, let b, let analyzer):
      guard (0...3).contains(k1), (0...1).contains(b) else {
        throw MoultError(
          .invalidArgument, "BM25 takes k1 in 0 … 3 and b in 0 … 1, got \(k1) and \(b)")
      }
      return .text(analyzer)
    case .hamming, .jaccard:
      guard sizes.count == 1, let size = sizes.first, (1...1 << 15).contains(size) else {
        throw MoultError(
          .invalidArgument, "queries of bits are of one length, 1 … 32768 bytes, got \(sizes.sorted())")
      }
      return .bits(byteCount: size)
    }
  }
}
