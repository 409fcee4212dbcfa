import MoultModel
import MoultTesting
import Testing

@testable import MoultCompute

@Suite("Query-aware transform")
struct QueryAwareTransformTests {
  private static let documentUse = TransformDirection(.documents, from: .collection, to: .code)
  private static let queryUse = TransformDirection(.queries, from: .collection, to: .code)

  /// Gaussian rows with standard deviation `deviation(j)` along coordinate j.
  private func vectors(_ count: Int, _ dimension: Int, seed: UInt64, _ deviation: (Int) -> Float) -> [Float] {
    var random = SeededGenerator(seed: seed)
    return (0..<count * dimension).map { random.gaussian() * deviation($0 % dimension) }
  }

  private func fit(
    _ documents: [Float], _ queries: [Float], _ dimension: Int, keeping kept: Int,
    metric: Metric = .innerProduct
  ) throws -> FittedAsymmetricTransform {
    try QueryAwareTransform.fit(
      documents: documents, documentCount: documents.count / dimension, queries: queries,
      queryCount: queries.count / dimension, dimension: dimension, keeping: kept, metric: metric, seed: 1)
  }

  @Test("without truncation no score changes", arguments: [Metric.cosine, .innerProduct])
  func keepsScores(metric: Metric) throws {
    let d = 32
    let documents = vectors(300, d, seed: 1) { 2 / Float($0 + 1) + 0.1 }
    let queries = vectors(200, d, seed: 2) { 0.1 + Float($0 % 5) }
    let transform = try fit(documents, queries, d, keeping: d, metric: metric).transform
    let mappedDocuments = try transform.documents.map(documents, as: QueryAwareTransformTests.documentUse)
    let mappedQueries = try transform.queries.map(queries, as: QueryAwareTransformTests.queryUse)
    for i in 0..<40 {
      let (query, document) = (queries[i * d..<(i + 1) * d], documents[i * d..<(i + 1) * d])
      let before = Oracle.score(query, document, metric)
      let after = Oracle.dot(mappedQueries[i * d..<(i + 1) * d], mappedDocuments[i * d..<(i + 1) * d])
      let size = metric == .cosine ? 1 : norm(query) * norm(document)
      #expect(abs(before - after) < 1e-4 * size)
    }
  }

  @Test("keeps the directions that queries look along, not those where documents vary most")
  func followsQueries() throws {
    let d = 24
    // Documents vary most along the first entries, queries look only along the last eight.
    let documents = vectors(2000, d, seed: 3) { $0 < 8 ? 4 : 1 }
    let queries = vectors(400, d, seed: 4) { $0 >= 16 ? 1 : 0.02 }
    let fitted = try fit(documents, queries, d, keeping: 8)
    let (recall, plain) = (fitted.report.heldOutRecall, fitted.report.plainRecall)
    #expect(try #require(recall).mean > 0.75, "\(fitted.report)")
    #expect(try #require(plain).mean < 0.2, "\(fitted.report)")
    #expect(try #require(fitted.report.recallGain).lower > 0.5)
    #expect(fitted.report.method == "query-aware" && fitted.report.querySampleCount == 400)
    #expect(fitted.report.conditionNumber > 1 && fitted.report.shrinkage == 0)
    #expect(QueryAwareTransform.lambdas.contains(try #require(fitted.report.lambda)))
  }

  @Test("with d/2 queries or fewer it is plain PCA, and says so", arguments: [1, 2, 12])
  func shrinks(queryCount: Int) throws {
    let d = 24
    let documents = vectors(500, d, seed: 5) { 1 / Float($0 + 1) }
    let queries = vectors(queryCount, d, seed: 6) { Float($0 + 1) }
    let fitted = try fit(documents, queries, d, keeping: 4)
    #expect(fitted.report.shrinkage == 1 && fitted.report.conditionNumber < 1.000_1)
    let components = try PrincipalComponents.fit(
      sample: documents, count: 500, dimension: d, keeping: 4, metric: .innerProduct
    ).transform.matrix.values
    let rows = fitted.transform.documents.matrix.values
    for i in 0..<4 {
      let (row, component) = (rows[i * d..<(i + 1) * d], components[i * d..<(i + 1) * d])
      #expect(Oracle.dot(row, component) / norm(row) > 0.999)
    }
  }

  @Test("between d/2 and 2·d queries are shrunk in part", arguments: [13, 24, 47])
  func shrinksInPart(queryCount: Int) throws {
    let fitted = try fit(
      vectors(300, 24, seed: 7) { _ in 1 }, vectors(queryCount, 24, seed: 8) { _ in 1 }, 24, keeping: 6)
    #expect(abs(fitted.report.shrinkage - 12 / Double(queryCount)) < 1e-12)
  }

  @Test("the two sides are not taken for each other")
  func refusesWrongSide() throws {
    let transform = try fit(
      vectors(50, 4, seed: 9) { _ in 1 }, vectors(20, 4, seed: 10) { _ in 1 }, 4, keeping: 2
    ).transform
    #expect(throws: MoultError.self) {
      try transform.documents.map([1, 2, 3, 4], as: QueryAwareTransformTests.queryUse)
    }
    #expect(throws: MoultError.self) {
      try transform.queries.map([1, 2, 3, 4], as: QueryAwareTransformTests.documentUse)
    }
    let read = try transform.serialized().withUnsafeBytes { try AsymmetricTransform(serialized: $0) }
    #expect(read.serialized() == transform.serialized())
  }

  @Test("degenerate samples are refused or survived")
  func degenerate() {
    func code(_ documents: [Float], _ queries: [Float], metric: Metric = .innerProduct) -> MoultError.Code? {
      do {
        let transform = try fit(documents, queries, 4, keeping: 2, metric: metric).transform
        #expect(transform.documents.matrix.values.allSatisfy { $0.isFinite })
        #expect(transform.queries.matrix.values.allSatisfy { $0.isFinite })
        return nil
      } catch {
        return (error as? MoultError)?.code
      }
    }
    let some = vectors(50, 4, seed: 11) { _ in 1 }
    #expect(code(some, some, metric: .squaredEuclidean) == .unsupported)
    #expect(code([], some) == .invalidArgument)
    #expect(code(some, []) == .invalidArgument)
    #expect(code(some, [Float](repeating: 0, count: 40)) == .invalidArgument)
    #expect(code(some, [.nan, 0, 0, 0]) == .invalidVector)
    #expect(code([.infinity, 0, 0, 0], some) == .invalidVector)
    #expect(code(some.map { $0 * 1e30 }, some) == .invalidVector)
    // One vector, constant and zero documents: some directions, none better than another.
    #expect(code(Array(some[..<4]), some) == nil)
    #expect(code([Float](repeating: 1, count: 40), some) == nil)
    #expect(code([Float](repeating: 0, count: 40), some) == nil)
  }
}
