import Foundation
import MoultModel
import MoultTesting
import Testing

@testable import MoultEngine

/// Searches by several examples beside brute force in double.
@Suite("Search by examples")
struct ExampleSearchTests {
  private static let dimension = 19

  private static func similarity(_ a: [Float], _ b: ArraySlice<Float>, _ metric: Metric, isManhattan: Bool)
    -> Double
  {
    func sum(_ part: (Double, Double) -> Double) -> Double {
      zip(a, b).reduce(0) { $0 + part(Double($1.0), Double($1.1)) }
    }
    if isManhattan { return -sum { abs($0 - $1) } }
    switch metric {
    case .innerProduct: return sum { $0 * $1 }
    case .squaredEuclidean: return -sum { ($0 - $1) * ($0 - $1) }
    case .cosine:
      let norms = (sum { x, _ in x * x } * sum { _, y in y * y }).squareRoot()
      return norms > 0 ? sum { $0 * $1 } / norms : 0
    }
  }

  private static func score(_ combination: ExampleSearch.Combination, _ s: [Double]) -> Double {
    func squashed(_ x: Double) -> Double { x.isFinite ? x / (1 + abs(x)) : x }
    func scaled(_ x: Double) -> Double { (squashed(x) + 1) / 2 }
    switch combination {
    case .weighted(let weights):
      var sum = 0.0
      for (weight, similarity) in zip(weights, s) { sum += Double(weight) * similarity }
      return sum
    case .best(let positives):
      let positive = s[..<positives].max() ?? -Double.infinity
      let negative = s[positives...].max() ?? -Double.infinity
      return positive > negative ? scaled(positive) : -scaled(negative)
    case .discovery:
      var score = scaled(s[0])
      for pair in stride(from: 1, to: s.count, by: 2) where s[pair] != s[pair + 1] {
        score += s[pair] > s[pair + 1] ? 1 : -1
      }
      return score
    case .context:
      var score = 0.0
      for pair in stride(from: 0, to: s.count, by: 2) {
        score += squashed(min(s[pair] - s[pair + 1] - 1.1920929e-7, 0))
      }
      return score
    }
  }

  @Test("every combination finds what brute force finds", arguments: Metric.allCases, 0..<3 as Range<UInt64>)
  func oracle(metric: Metric, seed: UInt64) async throws {
    var random = SeededGenerator(seed: seed)
    let harness = try await EngineHarness(segmentRowsMax: 100)
    let engine = harness.engine
    _ = try await engine.createCollection(
      "c", schema: CollectionSchema(dimension: Self.dimension, metric: metric))
    var model: [Int64: [Float]] = [:]
    for batch in 0..<5 {
      let ids = (0..<90).map { _ in Int64.random(in: 0..<400, using: &random) }
      let unique = Array(Set(ids))
      let vectors = unique.map { _ in random.floats(count: Self.dimension) }
      for (id, vector) in zip(unique, vectors) { model[id] = vector }
      _ = try await engine.write(
        PointBatch(
          ids: unique.map { .int64($0) }, vectors: vectors.flatMap(\.self), dimension: Self.dimension,
          payloads: unique.map { #"{"n":\#($0 % 4)}"# }), to: "c", mode: .upsert)
      let gone = Array(unique.prefix(batch * 3))
      for id in gone { model[id] = nil }
      _ = try await engine.delete(gone.map { .int64($0) }, from: "c")
    }
    let filter = PointFilter.values(ValuePath([.name("n")]), .isOneOf([.int(1), .int(2)]))
    let cases: [(ExampleSearch.Combination, Int)] = [
      (.weighted([1]), 1), (.weighted([1, -0.5, 2]), 3), (.best(positives: 2), 4), (.best(positives: 0), 2),
      (.best(positives: 3), 3), (.discovery, 1), (.discovery, 7), (.context, 6),
    ]
    for (combination, count) in cases {
      for similarity in [ExampleSearch.Similarity.metric, .manhattan] {
        for filter in [nil, filter] {
          let examples = random.floats(count: count * Self.dimension)
          let found = try await engine.search(
            ExampleSearch(
              examples: examples, dimension: Self.dimension, combination: combination, similarity: similarity,
              limit: 12, filter: filter, includePayload: true), in: "c"
          ).hits[0]
          let scores = model.filter { filter == nil || [1, 2].contains($0.key % 4) }.mapValues { vector in
            Self.score(
              combination,
              (0..<count).map {
                Self.similarity(
                  vector, examples[$0 * Self.dimension..<($0 + 1) * Self.dimension], metric,
                  isManhattan: similarity == .manhattan)
              })
          }
          let best = scores.values.sorted(by: >).prefix(12)
          let comment = "seed \(seed), \(metric), \(combination), \(similarity)"
          #expect(found.count == best.count, "\(comment)")
          for (hit, expected) in zip(found, best) {
            #expect(abs(Double(hit.score) - expected) < 1e-4 * max(1, abs(expected)), "\(comment)")
            guard case .int64(let id) = hit.id else { continue }
            #expect(abs(Double(hit.score) - scores[id]!) < 1e-4 * max(1, abs(expected)), "\(comment)")
            #expect(hit.payload == #"{"n":\#(id % 4)}"#, "\(comment)")
          }
        }
      }
    }
    try await harness.shutDown()
  }

  @Test("what cannot be combined is refused")
  func refused() async throws {
    let harness = try await EngineHarness()
    _ = try await harness.engine.createCollection("c", schema: CollectionSchema(dimension: 2))
    func code(
      _ examples: [Float], _ combination: ExampleSearch.Combination, dimension: Int = 2, limit: Int = 1
    )
      async -> MoultError.Code?
    {
      do {
        _ = try await harness.engine.search(
          ExampleSearch(examples: examples, dimension: dimension, combination: combination, limit: limit),
          in: "c")
        return nil
      } catch { return (error as? MoultError)?.code }
    }
    #expect(await code([1, 2], .context) == .invalidArgument)
    #expect(await code([1, 2, 3, 4], .discovery) == .invalidArgument)
    #expect(await code([1, 2], .weighted([1, 2])) == .invalidArgument)
    #expect(await code([], .weighted([])) == .invalidArgument)
    #expect(await code([1, 2], .best(positives: 2)) == .invalidArgument)
    #expect(await code([1, 2, 3], .best(positives: 1), dimension: 3) == .dimensionMismatch)
    #expect(await code([1, 2, 3], .best(positives: 1)) == .dimensionMismatch)
    #expect(await code([1, .nan], .weighted([1])) == .invalidVector)
    #expect(await code([1, 2], .weighted([.infinity])) == .invalidArgument)
    #expect(await code([1, 2], .weighted([1]), limit: 0) == .invalidArgument)
    #expect(await code([1, 2], .weighted([1]), limit: Engine.limitMax + 1) == .invalidArgument)
    #expect(await code([1, 2], .weighted([1])) == nil)
    try await harness.shutDown()
  }
}
