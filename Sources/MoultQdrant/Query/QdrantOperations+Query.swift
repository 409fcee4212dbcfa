internal import MoultEngine
internal import MoultModel
internal import MoultServer

extension QdrantOperations {
  /// The points that a query finds, best first, with what is wanted of them.
  ///
  /// - Throws: 400 and 404 for what the query names and is not there, or does not fit the collection.
  func query(
    _ query: QdrantQuery, in collection: QdrantCollection, payload: Bool, vectors: Bool
  ) async throws -> [QdrantRecord] {
    let run = QdrantQueryRun(operations: self, collection: collection)
    let hits = try await run.hits(query, within: nil, payload: payload)
    return try await run.records(hits, payload: payload, vectors: vectors)
  }
}

/// A query on its way: each of its parts by one call of the engine.
struct QdrantQueryRun: Sendable {
  let operations: QdrantOperations
  let collection: QdrantCollection

  var engine: Engine { operations.engine }

  /// The score of points that are not compared with anything.
  static let unscored: Float = 1

  /// - Parameters:
  ///   - outer: the filter of the query around it.
  ///   - payload: whether payloads may come along where that saves a look.
  func hits(
    _ query: QdrantQuery, within outer: QdrantFilter?, payload: Bool
  ) async throws -> [QdrantHit] {
    let wanted = try QdrantQuery.wanted(query.limit, query.offset)
    let (vectors, mentioned) = try await self.vectors(of: query)
    let filter = outer.merged(
      with: query.filter.adding(mustNot: mentioned.isEmpty ? [] : [.hasID(mentioned)]))
    if query.prefetches.isEmpty {
      return try await found(query, vectors, filter: filter, payload: payload)
    }
    var sources: [[QdrantHit]] = []
    for prefetch in query.prefetches {
      sources.append(try await hits(prefetch, within: filter, payload: false))
    }
    switch query.kind {
    case .fusion(let fusion):
      return try fusion.fused(sources).prefix(wanted).filter {
        $0.score >= query.scoreThreshold ?? -.infinity
      }.dropFirst(query.offset).map(\.self)
    case .formula(let formula):
      return try await rescored(sources, by: formula, filter).prefix(wanted).filter {
        $0.score >= query.scoreThreshold ?? -.infinity
      }.dropFirst(query.offset).map(\.self)
    case nil: throw QdrantError.badRequest("A query is needed to merge the prefetches.")
    case .nearest, .recommend, .discover, .context, .feedback, .orderBy, .sample, .text:
      let ids = Set(sources.joined().map(\.id))
      if ids.isEmpty { return [] }
      return try await found(
        query, vectors, filter: filter.adding(must: [.hasID(ids)]), payload: payload)
    }
  }

  /// Hits as they are told.
  func records(_ hits: [QdrantHit], payload: Bool, vectors: Bool) async throws -> [QdrantRecord] {
    func record(_ hit: QdrantHit, _ payload: String?, _ point: Point?) -> QdrantRecord {
      var record = QdrantRecord(id: hit.id, score: hit.score, payload: payload)
      record.vectors = point
      record.orderValue = hit.orderValue
      return record
    }
    if !vectors, !payload || hits.allSatisfy({ $0.payload != nil }) {
      return hits.map { record($0, $0.payload ?? nil, nil) }
    }
    // Sparse vectors are in the payload.
    let page = try await engine.get(
      Array(Set(hits.map(\.id))), from: collection.name, includeVectors: vectors, includePayload: true)
    let points = Dictionary(page.points.map { ($0.id, $0) }) { first, _ in first }
    // Whatever was deleted meanwhile is left out.
    return hits.compactMap { hit in
      points[hit.id].map { record(hit, $0.payload, vectors ? $0 : nil) }
    }
  }

  // MARK: Examples

  /// A query's examples as vectors, in their order, and the points of this collection among them.
  private func vectors(of query: QdrantQuery) async throws -> ([QdrantQuery.Example], Set<PointID>) {
    var examples: [QdrantQuery.Example] = []
    for example in query.examples { examples.append(try await resolved(example, query)) }
    // Before mentions become vectors: each mention of a point is a copy of its vector.
    guard examples.count <= ExampleSearch.exampleCountMax else {
      throw QdrantError.badRequest(
        "a query takes at most \(ExampleSearch.exampleCountMax) examples, got \(examples.count)")
    }
    let ids = Set(examples.compactMap { if case .id(let id) = $0 { id } else { nil } })
    guard !ids.isEmpty else { return (examples, []) }
    var source = collection
    if let lookup = query.lookup { source = try operations.describe(lookup.collection) }
    let vector = try source.vector(using: query.lookup?.vector ?? query.using)
    let page = try await engine.get(
      Array(ids), from: source.name, includeVectors: true, includePayload: vector.kind.isInPayload)
    var known: [PointID: QdrantQuery.Example] = [:]
    for point in page.points { known[point.id] = try vector.example(of: point) }
    let vectors = try examples.map { example in
      guard case .id(let id) = example else { return example }
      if let found = known[id] { return found }
      var shown = JSONWriter()
      shown.pointID(id)
      let text = String(decoding: shown.bytes, as: UTF8.self)
      throw page.points.contains { $0.id == id }
        ? QdrantError.wrongInput("Vector with name \(vector.name) for point \(text) not found")
        : QdrantError.notFound("No point with id \(text) found")
    }
    return (vectors, source.name == collection.name ? ids : [])
  }

  /// What a document's model makes of it, for the vector that the query is about; other examples stay.
  private func resolved(
    _ example: QdrantQuery.Example, _ query: QdrantQuery
  ) async throws -> QdrantQuery.Example {
    guard case .document(let document) = example else { return example }
    let vector = try collection.vector(using: query.using)
    switch vector.kind {
    case .sparse: return .sparse(try QdrantInference.sparse(document, as: .asked))
    case .dense: return .dense(try await QdrantInference.dense(document, like: vector, by: engine))
    case .multi: throw QdrantInference.refusal(of: document, for: "a multivector")
    }
  }

  // MARK: Kinds

  /// What a query without prefetches finds.
  private func found(
    _ query: QdrantQuery, _ examples: [QdrantQuery.Example], filter: QdrantFilter?, payload: Bool
  ) async throws -> [QdrantHit] {
    let filter = try filter?.pointFilter(in: collection)
    let wanted = try QdrantQuery.wanted(query.limit, query.offset)
    switch query.kind {
    case nil:
      let page = try await engine.query(
        collection.name, filter: filter, limit: query.limit, offset: query.offset, includeVectors: false,
        includePayload: false)
      return page.points.map { QdrantHit(id: $0.id, score: Self.unscored) }
    case .sample:
      let page = try await engine.sample(
        collection.name, filter: filter, limit: query.limit, includeVectors: false, includePayload: false)
      return page.points.map { QdrantHit(id: $0.id, score: Self.unscored) }
    case .orderBy(let order):
      return try await operations.ordered(
        collection, by: order, filter: filter, limit: wanted, includeVectors: false,
        includePayload: false
      ).dropFirst(query.offset).map {
        QdrantHit(id: $0.point.id, score: Self.unscored, orderValue: $0.value)
      }
    case .nearest(_, nil):
      return try await nearest(
        to: examples[0], query, filter, limit: query.limit, offset: query.offset, payload: payload)
    case .nearest(_, let diversity?):
      let candidates = try await nearest(
        to: examples[0], query, filter, limit: diversity.candidates ?? query.limit, offset: 0, payload: false)
      return Array(
        try await diverse(candidates, diversity, near: examples[0], query, wanted: wanted)
          .dropFirst(query.offset))
    case .recommend(let positive, let negative, let strategy):
      let vector = try collection.vector(using: query.using)
      let (positives, negatives) = (examples[..<positive.count], examples[positive.count...])
      switch strategy {
      case .averageVector:
        return try await nearest(
          to: try vector.average(Array(positives), Array(negatives)), query, filter, limit: query.limit,
          offset: query.offset, payload: payload)
      case .bestScore:
        return try await similar(to: examples, .best(positives: positive.count), query, filter)
      case .sumScores:
        let weights = positive.map { _ in Float(1) } + negative.map { _ in Float(-1) }
        return try await similar(to: examples, .weighted(weights), query, filter)
      }
    case .discover: return try await similar(to: examples, .discovery, query, filter)
    case .context: return try await similar(to: examples, .context, query, filter)
    case .feedback(_, let feedback, let weights):
      return try await similar(
        to: examples, .weighted(weights.weights(of: feedback.map(\.score))), query, filter)
    case .text(let text):
      return try await hits(of: text, query, filter, payload: payload)
    case .fusion, .formula:
      throw QdrantError.badRequest("fusion and formula queries need at least one prefetch")
    }
  }

  /// Points near to one vector.
  private func nearest(
    to example: QdrantQuery.Example, _ query: QdrantQuery, _ filter: PointFilter?, limit: Int, offset: Int,
    payload: Bool
  ) async throws -> [QdrantHit] {
    let vector = try collection.vector(using: query.using)
    let response: SearchResponse
    var scale: Float = 1
    switch (vector.kind, example) {
    case (.dense(let dimension), .dense(let values)):
      try vector.check(values, dimension: dimension)
      if vector.distance == .manhattan {
        scale = -1
        let found = try await engine.search(
          ExampleSearch(
            examples: values, dimension: dimension, combination: .weighted([1]), similarity: .manhattan,
            limit: try QdrantQuery.wanted(limit, offset), filter: filter, includePayload: payload),
          in: vector.target)
        response = SearchResponse(
          hits: found.hits.map { Array($0.dropFirst(offset)) }, servedBy: found.servedBy)
      } else {
        response = try await engine.search(
          SearchRequest(
            queries: values, dimension: dimension, limit: limit, offset: offset, ef: query.parameters.ef,
            exact: query.parameters.exact, oversampling: query.parameters.oversampling, filter: filter,
            includePayload: payload), in: vector.target)
      }
    case (.sparse, .sparse(let sparse)):
      if sparse.indices.isEmpty { return [] }
      response = try await engine.search(
        PayloadSearch(
          field: vector.target, scoring: vector.scoring,
          queries: [.sparse(indices: sparse.indices, values: sparse.values)], limit: limit, offset: offset,
          filter: filter, corpus: try corpus(query), includePayload: payload), in: collection.name)
    case (.multi, _):
      let found = try await multiSearch(
        [example], .weighted([1]), vector, limit: try QdrantQuery.wanted(limit, offset), filter,
        payload: payload)
      response = SearchResponse(
        hits: found.hits.map { Array($0.dropFirst(offset)) }, servedBy: found.servedBy)
    default: throw vector.mismatch
    }
    return cut(
      response.hits[0].map {
        QdrantHit(
          id: $0.id, score: vector.score($0.score) * scale,
          payload: payload ? .some($0.payload) : nil)
      }, at: query.scoreThreshold, higherIsNearer: vector.distance.higherIsNearer)
  }

  /// Points by their similarities to several vectors.
  private func similar(
    to examples: [QdrantQuery.Example], _ combination: ExampleSearch.Combination, _ query: QdrantQuery,
    _ filter: PointFilter?
  ) async throws -> [QdrantHit] {
    let vector = try collection.vector(using: query.using)
    let wanted = try QdrantQuery.wanted(query.limit, query.offset)
    let response: SearchResponse
    switch vector.kind {
    case .dense(let dimension):
      var values: [Float] = []
      for example in examples {
        guard case .dense(let own) = example else { throw vector.mismatch }
        try vector.check(own, dimension: dimension)
        values += own
      }
      response = try await engine.search(
        ExampleSearch(
          examples: values, dimension: dimension, combination: combination,
          similarity: vector.distance == .manhattan ? .manhattan : .metric, limit: wanted, filter: filter),
        in: vector.target)
    case .sparse:
      let sparse = try examples.map { example in
        guard case .sparse(let own) = example else { throw vector.mismatch }
        return PayloadSearch.Sparse(indices: own.indices, values: own.values)
      }
      response = try await engine.search(
        PayloadSearch(
          field: vector.target, scoring: vector.scoring, queries: [.sparseExamples(sparse, combination)],
          limit: wanted, filter: filter, corpus: try corpus(query)), in: collection.name)
    case .multi:
      response = try await multiSearch(examples, combination, vector, limit: wanted, filter, payload: false)
    }
    let hits = response.hits[0].dropFirst(query.offset).map { QdrantHit(id: $0.id, score: $0.score) }
    return cut(hits, at: query.scoreThreshold, higherIsNearer: true)
  }

  private func multiSearch(
    _ examples: [QdrantQuery.Example], _ combination: ExampleSearch.Combination, _ vector: QdrantVector,
    limit: Int, _ filter: PointFilter?, payload: Bool
  ) async throws -> SearchResponse {
    guard case .multi(let dimension, let part) = vector.kind else { throw vector.mismatch }
    return try await engine.search(
      MultiVectorSearch(
        part: part, dimension: dimension, examples: try examples.map { try vector.multi($0).values },
        combination: combination, similarity: vector.rowSimilarity, limit: limit, filter: filter,
        includePayload: payload), in: collection.name)
  }

  func corpus(_ query: QdrantQuery) throws(QdrantError) -> PointFilter? {
    guard let corpus = query.parameters.corpus else { return nil }
    return try corpus.pointFilter(in: collection)
  }

  /// Hits that are better than a threshold.
  func cut(_ hits: [QdrantHit], at threshold: Float?, higherIsNearer: Bool) -> [QdrantHit] {
    guard let threshold else { return hits }
    return Array(hits.prefix { higherIsNearer ? $0.score > threshold : $0.score < threshold })
  }
}
