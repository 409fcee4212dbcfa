internal import Foundation
internal import MoultEngine
internal import MoultModel
internal import MoultServer

extension QdrantQueryRun {
  /// Ids in one look for what a condition matches.
  private static let idCountMax = 50_000
  /// Pairs of vectors that are compared for diversity at most.
  private static let pairCountMax = 4_000_000
  /// Of multivectors, whose comparisons take as long as thousands.
  private static let multiPairCountMax = 10_000
  /// Products of two numbers at most, over all comparisons of multivectors: seconds of one thread.
  private static let multiProductCountMax = Double(1 << 36)

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
    if case .multi = vector.kind, candidates.count * count > Self.multiPairCountMax {
      throw QdrantError.badRequest(
        "mmr over multivectors takes limit × candidates_limit up to \(Self.multiPairCountMax), got \(count) × \(candidates.count)"
      )
    }
    let page = try await engine.get(
      candidates.map(\.id), from: collection.name, includeVectors: true,
      includePayload: vector.kind.isInPayload)
    let points = Dictionary(page.points.map { ($0.id, $0) }) { first, _ in first }
    var example = example
    if case .multi = vector.kind { example = .multi(try vector.multi(example)) }
    var known: [(hit: QdrantHit, vector: QdrantQuery.Example)] = []
    for hit in candidates {
      if let example = try points[hit.id].flatMap({ try vector.example(of: $0) }) {
        known.append((hit, example))
      }
    }
    try Self.checkCost(of: known.map { $0.vector }, count, near: example)
    let relevance = try known.map { [example] candidate in
      try Task.checkCancellation()
      return vector.similarity(example, candidate.vector)
    }
    let chosen = try QdrantDiversity.choose(
      count, relevance: relevance, balance: 1 - Float(diversity.diversity)
    ) {
      // Millions of comparisons take a while.
      try Task.checkCancellation()
      return vector.similarity(known[$0].vector, known[$1].vector)
    }
    return chosen.map { known[$0].hit }
  }

  /// Multivectors differ in size: few large ones take as long as many small ones.
  ///
  /// - Throws: 400 where choosing would take too long.
  private static func checkCost(
    of candidates: [QdrantQuery.Example], _ count: Int, near example: QdrantQuery.Example
  ) throws(QdrantError) {
    guard case .multi(let query) = example else { return }
    var (rows, numbers) = (0, 0)
    for case .multi(let stored) in candidates {
      numbers = max(numbers, stored.values.count)
      rows = max(rows, stored.values.count / stored.dimension)
    }
    // The query with each of them, and each of them with every one that is chosen.
    let compared = Double(query.values.count / query.dimension) + Double(count) * Double(rows)
    guard Double(candidates.count) * compared * Double(numbers) <= multiProductCountMax else {
      throw .badRequest("mmr over multivectors of this size takes fewer candidates")
    }
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
