import Foundation
import MoultModel
import MoultTesting
import Synchronization
import Testing

@testable import MoultCompute

@Suite("GraphIndexBuilder")
struct GraphIndexBuilderTests {
  @Test("one thread and one seed give one graph, another seed another")
  func deterministic() throws {
    let data = ClusteredVectors(count: 1300, seed: 21)
    let fixture = try GraphFixture(data.vectors, dimension: data.dimension)
    let bytes = try fixture.graphBytes(seed: 3)
    #expect(try fixture.graphBytes(seed: 3) == bytes)
    #expect(try fixture.graphBytes(seed: 4) != bytes)
  }

  @Test("threads side by side build a graph that finds as much and reaches every row")
  func parallelBuild() throws {
    let data = ClusteredVectors(count: 4000, seed: 22)
    let fixture = try GraphFixture(data.vectors, dimension: data.dimension)
    let serial = try fixture.graph()
    let parallel = try fixture.graph(parallel: GraphFixture.threads)
    #expect(parallel.graph.reachableRowCount() == 4000)
    let expected = fixture.recall(of: serial.graph, queries: data.queries, ef: 64)
    let recall = fixture.recall(of: parallel.graph, queries: data.queries, ef: 64)
    #expect(recall >= expected - 0.02, "parallel \(recall), serial \(expected)")
  }

  @Test(
    "every row is reachable and finds itself, for every m and code",
    arguments: [2, 3, 16], Quantization.allCases)
  func findsItself(m: Int, quantization: Quantization) throws {
    let data = ClusteredVectors(count: 600, seed: 23)
    let fixture = try GraphFixture(data.vectors, dimension: data.dimension, quantization: quantization)
    let file = try fixture.graph(m: m)
    #expect(file.graph.m == m)
    #expect(file.graph.reachableRowCount() == 600)
    var found = 0
    for row in 0..<600 {
      let query = Array(data.vectors[row * data.dimension..<(row + 1) * data.dimension])
      let hits = fixture.search(file.graph, query, k: 10, ef: 100)
      if hits.contains(where: { $0.row == row }) { found += 1 }
    }
    // With two links a node, which rows a beam misses is a matter of chance.
    #expect(found >= (m == 2 ? 540 : 590), "\(found) of 600 rows found themselves")
  }

  @Test("identical vectors are all reachable")
  func allIdentical() throws {
    let fixture = try GraphFixture(
      [Float](repeating: 0.5, count: 1500 * 4), dimension: 4, metric: .squaredEuclidean)
    let file = try fixture.graph()
    #expect(file.graph.reachableRowCount() == 1500)
    let found = fixture.search(file.graph, [0.5, 0.5, 0.5, 0.5], k: 50, ef: 50)
    #expect(Set(found.map(\.row)).count == 50)
    #expect(found.allSatisfy { $0.score == 0 })
    #expect(fixture.search(file.graph, [0, 0, 0, 0], k: 1500, ef: 1).count == 1500)
  }

  @Test(
    "a crowd of identical vectors does not hide the others, with and without guides",
    arguments: Metric.allCases, [24, 40])
  func crowdOfIdentical(metric: Metric, dimension: Int) throws {
    let data = ClusteredVectors.crowd(count: 1600, seed: 24, metric: metric)
    // Entries of zeros make the rows long enough for guides.
    func padded(_ row: Int) -> [Float] {
      data[row * 24..<(row + 1) * 24] + [Float](repeating: 0, count: dimension - 24)
    }
    let fixture = try GraphFixture((0..<1600).flatMap(padded), dimension: dimension, metric: metric)
    let file = try fixture.graph()
    #expect(file.graph.reachableRowCount() == 1600)
    var found = 0
    for row in 800..<1600 {
      if fixture.search(file.graph, padded(row), k: 1, ef: 64).first?.row == UInt32(row) { found += 1 }
    }
    // The rest lie so near the crowd that it fills the beam.
    #expect(found >= 780, "\(found) of 800 rows found themselves beside 800 identical ones")
    let crowd = fixture.search(file.graph, padded(0), k: 20, ef: 64)
    #expect(crowd.allSatisfy { $0.row < 800 })
  }

  @Test("zero vectors among others are reachable under cosine")
  func zeroVectors() throws {
    var data = ClusteredVectors(count: 400, seed: 25).vectors
    for row in stride(from: 0, to: 400, by: 3) {
      for entry in 0..<24 { data[row * 24 + entry] = 0 }
    }
    let file = try GraphFixture(data, dimension: 24).graph()
    #expect(file.graph.reachableRowCount() == 400)
  }

  @Test("progress ends at the number of rows")
  func progress() throws {
    let data = ClusteredVectors(count: 1500, seed: 26)
    let fixture = try GraphFixture(data.vectors, dimension: data.dimension)
    let reports = Mutex<[Int]>([])
    _ = try fixture.graphBytes(
      m: 4, efConstruction: 16, progress: { done in reports.withLock { $0.append(done) } })
    let seen = reports.withLock { $0 }
    #expect(seen == seen.sorted())
    #expect(seen.last == 1500)
  }

  @Test("a cancelled build throws, before and after the first rows", arguments: [0, 20])
  func cancelled(after chunks: Int) throws {
    let data = ClusteredVectors(count: 2000, seed: 27)
    let fixture = try GraphFixture(data.vectors, dimension: data.dimension)
    let asked = Mutex(0)
    let error = #expect(throws: MoultError.self) {
      _ = try fixture.graphBytes(
        m: 4, efConstruction: 16,
        isCancelled: {
          asked.withLock {
            $0 += 1
            return $0 > chunks
          }
        })
    }
    #expect(error?.code == .cancelled)
    #expect(asked.withLock { $0 } == chunks + 1)
  }

  @Test("levels shrink by about m and the entry point stands on the highest")
  func levels() {
    let levels = GraphLevels(rowCount: 20_000, m: 10, seed: 28)
    #expect(levels.order.sorted() == Array(0..<20_000))
    #expect((1800...2200).contains(levels.counts[0]), "\(levels.counts)")
    #expect((150...250).contains(levels.counts[1]), "\(levels.counts)")
    #expect(levels.level(atPosition: 0) == levels.counts.count)
    #expect(levels.level(atPosition: levels.counts[0]) == 0)
    #expect(GraphLevels(rowCount: 0, m: 2, seed: 1).order.isEmpty)
  }
}
