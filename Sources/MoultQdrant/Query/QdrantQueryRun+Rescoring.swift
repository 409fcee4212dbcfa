internal import Foundation
internal import MoultEngine
internal import MoultModel
internal import MoultServer

extension QdrantQueryRun {
  /// Ids in one look for what a condition matches.
  private static let idCountMax = 50_000
  /// Pairs of vectors that are compared for diversity at most.
  private static let pairCountMax = 4_000_000

  /// The points of several rankings by a formula, best first; of equal scores in the order in which they come first.
  func rescored(
    _ sources: [[QdrantHit]], by formula: QdrantFormula, _ filter: QdrantFilter?
  ) async throws -> [QdrantHit] {
    var seen: Set<PointID> = []
    let ids = sources.joined().map(\.id).filter { seen.insert($0).inserted }
    let scores = sources.map { Dictionary($0.map { ($0.id, $0.score) }) { _, last in last } }
    var matches: [Set<PointID>] = []
    for condition in formula.conditions {
      let filter = try QdrantFilter(must: [condition]).pointFilter(in: collection)
      var matching: Set<PointID> = []
      for first in stride(from: 0, to: ids.count, by: Self.idCountMax) {
        let part = ids[first..<min(ids.count, first + Self.idCountMax)]
        let page = try await engine.query(
          collection.name, filter: .all([.ids(Set(part)), filter]), limit: part.count, includeVectors: false,
          includePayload: false)
        matching.formUnion(page.points.map(\.id))
      }
      matches.append(matching)
    }
    let page = try await engine.get(
      ids, from: collection.name, includeVectors: false, includePayload: true)
    return try page.points.map { point in
      // A long formula over many points takes a while.
      try Task.checkCancellation()
      let subject = QdrantFormula.Subject(
        id: point.id, payload: try StoredPayload(point.payload).object, scores: scores.map { $0[point.id] },
        matches: matches.map { $0.contains(point.id) })
      return QdrantHit(id: point.id, score: try formula.score(subject))
    }.sorted { $0.score > $1.score }
  }

  /// Candidates in an order that is near and diverse; they keep their scores.
  func diverse(
    _ candidates: [QdrantHit], _ diversity: QdrantQuery.Diversity, near example: QdrantQuery.Example,
    _ query: QdrantQuery, wanted: Int
  ) async throws -> [QdrantHit] {
    let count = min(wanted, candidates.count)
    guard candidates.count.multipliedReportingOverflow(by: count).partialValue <= Self.pairCountMax else {
      throw QdrantError.badRequest(
        "mmr takes limit × candidates_limit up to \(Self.pairCountMax), got \(count) × \(candidates.count)")
    }
    let vector = try collection.vector(using: query.using)
    let page = try await engine.get(
      candidates.map(\.id), from: collection.name, includeVectors: true,
      includePayload: vector.kind == .sparse)
    let points = Dictionary(page.points.map { ($0.id, $0) }) { first, _ in first }
    var known: [(hit: QdrantHit, vector: QdrantQuery.Example)] = []
    for hit in candidates {
      if let example = try points[hit.id].flatMap({ try vector.example(of: $0) }) {
        known.append((hit, example))
      }
    }
    let chosen = try QdrantDiversity.choose(
      count, relevance: known.map { vector.similarity(example, $0.vector) },
      balance: 1 - Float(diversity.diversity)
    ) {
      // Millions of comparisons take a while.
      try Task.checkCancellation()
      return vector.similarity(known[$0].vector, known[$1].vector)
    }
    return chosen.map { known[$0].hit }
  }
}

extension QdrantQuery.FeedbackWeights {
  /// Makes a weight of each similarity, to the target and to the examples: a·s₀ + Σ (fᵢ − fⱼ)ᵇ·c·(sᵢ − sⱼ) over pairs
  /// with a greater score first.
  func weights(of scores: [Float]) -> [Float] {
    var weights = [a] + scores.map { _ in 0 }
    for (i, better) in scores.enumerated() {
      for (j, worse) in scores.enumerated() where better > worse {
        let part = pow(better - worse, b) * c
        weights[1 + i] += part
        weights[1 + j] -= part
      }
    }
    return weights
  }
}
