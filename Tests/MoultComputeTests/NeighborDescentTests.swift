import MoultModel
import Testing

@testable import MoultCompute

@Suite("NeighborDescent")
struct NeighborDescentTests {
  @Test("finds nearly all neighbours", arguments: Metric.allCases)
  func recall(metric: Metric) throws {
    let data = ClusteredVectors(count: 3000, seed: 71)
    let fixture = try GraphFixture(data.vectors, dimension: data.dimension, metric: metric)
    try Self.check(fixture, degree: 32, least: 0.95)
  }

  @Test("and those of embeddings")
  func embeddings() throws {
    let fixture = try GraphFixture(Array(WordNetSample.shared.base.prefix(4000 * 384)), dimension: 384)
    try Self.check(fixture, degree: 32, least: 0.95)
  }

  static func check(_ fixture: GraphFixture, degree: Int, least: Double) throws {
    let truth = ExactNeighbors(fixture: fixture).table(degree: degree)
    let found = try NeighborDescent(
      encoder: fixture.encoder, codes: fixture.codes, parallel: GraphFixture.threads
    ).table(degree: degree, seed: 1)
    let recall = found.recall(against: truth)
    #expect(recall >= least, "recall of lists \(recall)")
    for row in 0..<found.rowCount {
      let places = row * degree..<row * degree + found.count(of: row)
      #expect(Set(found.rows[places]).count == places.count)
      #expect(!found.rows[places].contains(UInt32(row)))
      #expect(zip(found.scores[places], found.scores[places].dropFirst()).allSatisfy { $0 >= $1 })
    }
  }

  @Test("does not depend on the number of threads")
  func threads() throws {
    let data = ClusteredVectors(count: 2000, seed: 72)
    let fixture = try GraphFixture(data.vectors, dimension: data.dimension)
    let tables = try [ParallelFor.serial, GraphFixture.threads].map {
      try NeighborDescent(encoder: fixture.encoder, codes: fixture.codes, parallel: $0).table(
        degree: 16, seed: 3)
    }
    #expect(tables[0].rows == tables[1].rows)
  }

  @Test("of few rows all are neighbours", arguments: [0, 1, 2, 5, 16, 17, 192, 193])
  func few(count: Int) throws {
    let vectors = Array(ClusteredVectors(count: 200, seed: 73).vectors.prefix(24 * count))
    let fixture = try GraphFixture(vectors, dimension: 24)
    let table = try NeighborDescent(encoder: fixture.encoder, codes: fixture.codes, parallel: .serial)
      .table(degree: 16, seed: 1)
    for row in 0..<count { #expect(table.count(of: row) == min(16, count - 1)) }
    if count <= 192 {
      #expect(table.recall(against: ExactNeighbors(fixture: fixture).table(degree: 16)) == 1)
    }
  }
}
