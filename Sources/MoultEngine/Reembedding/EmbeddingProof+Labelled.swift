import MoultCompute
import MoultJobs
import MoultModel
import MoultStorage

/// The stronger proof: queries whose right answers are known, put to both models.
extension EmbeddingProof {
  private static let k = 10
  /// A model that is away for longer fails the attempt; the queue tries again later.
  private static let patienceSeconds = 120.0

  /// - Returns: `nil` where the job was given no such queries.
  /// - Throws: `invalidArgument` when none of them has an answer here; what a model says.
  func labelled() async throws -> LabelledProof? {
    let job = stage.pass.context.record.id
    let given = try await resources.directory.read { db in try JobQueries.loadLabelled(of: job, in: db) }
    guard !given.isEmpty else { return nil }
    let target = target
    // Answers that neither has are nobody's miss.
    let present = try await resources.directory.read { db in
      Set(try target.points.rows(ids: Array(Set(given.flatMap(\.relevant))), in: db).keys)
    }
    let queries = given.compactMap { query -> (text: String, relevant: Set<PointID>)? in
      let relevant = present.intersection(query.relevant)
      return relevant.isEmpty ? nil : (query.text, relevant)
    }
    guard !queries.isEmpty else {
      throw MoultError(
        .invalidArgument,
        "none of the points that the \(given.count) labelled queries should find is in '\(source.name)'; look at their ids"
      )
    }
    let after = try await scores(queries, of: stage.order.embedder, in: target)
    var proof = LabelledProof(
      k: Self.k, queries: queries.count, ignored: given.count - queries.count,
      recallAfter: after.map(\.recall).mean, ndcgAfter: after.map(\.ndcg).mean)
    guard let old = resources.embedders.embedder(ofCollection: source.id), !old.isFile else { return proof }
    let before = try await scores(queries, of: old, in: source)
    proof.recallBefore = before.map(\.recall).mean
    proof.ndcgBefore = before.map(\.ndcg).mean
    let seed = UInt64(bitPattern: target.id)
    let pairs = zip(after, before)
    proof.recallChange = RankedRetrieval.bootstrap(pairs.map { $0.recall - $1.recall }, seed: seed)
    proof.ndcgChange = RankedRetrieval.bootstrap(pairs.map { $0.ndcg - $1.ndcg }, seed: seed)
    return proof
  }

  private typealias Scores = (recall: Double, ndcg: Double)

  /// Of each query, as a client would be answered.
  private func scores(
    _ queries: [(text: String, relevant: Set<PointID>)], of embedder: Embedder, in collection: Collection
  ) async throws -> [Scores] {
    let vectors = try await QueryEmbedding(embedder, resources).vectors(
      of: queries.map(\.text), patienceSeconds: Self.patienceSeconds)
    let found = try await resources.background.run {
      try answers(vectors.flatMap { $0 }, in: collection, count: Self.k)
    }
    return zip(found, queries).map { found, query in
      (
        RankedRetrieval.recall(found: found, relevant: query.relevant, k: Self.k),
        RankedRetrieval.ndcg(found: found, relevant: query.relevant, k: Self.k)
      )
    }
  }
}

extension [Double] {
  fileprivate var mean: Double { isEmpty ? 0 : reduce(0, +) / Double(count) }
}
