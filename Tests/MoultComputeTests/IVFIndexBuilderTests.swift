import Foundation
import MoultModel
import MoultTesting
import Synchronization
import Testing

@testable import MoultCompute

@Suite("IVFIndexBuilder")
struct IVFIndexBuilderTests {
  @Test("every row stands in one list, that of its nearest centroid", arguments: Metric.allCases)
  func nearestLists(metric: Metric) throws {
    let data = ClusteredVectors(count: 1000, seed: 61)
    let fixture = try GraphFixture(data.vectors, dimension: data.dimension, metric: metric)
    let file = try fixture.lists(listCount: 60)
    let lists = file.index.lists
    #expect(lists.starts[60] == 1000)
    #expect((0..<60).flatMap { Array(lists.members(of: $0)) }.sorted() == (0..<1000).map { UInt32($0) })
    let all = file.index.listOfRows()
    for row in 0..<1000 {
      var vector = Array(data.vectors[row * 24..<(row + 1) * 24])
      if metric == .cosine {
        let norm = vector.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
        vector = vector.map { Float(Double($0) / norm) }
      }
      func distance(_ list: Int) -> Double {
        (0..<24).reduce(0.0) {
          let difference = Double(vector[$1]) - Double(lists.centroids[list * 24 + $1])
          return $0 + difference * difference
        }
      }
      let least = (0..<60).map(distance).min()!
      #expect(distance(Int(all[row])) <= least * (1 + 1e-5) + 1e-9)
    }
    for list in 0..<60 where metric == .cosine {
      let squared = (0..<24).reduce(0.0) { $0 + pow(Double(lists.centroids[list * 24 + $1]), 2) }
      #expect(abs(squared - 1) < 1e-5)
    }
  }

  @Test("the bytes do not depend on the threads, but on the seed", arguments: [1, 2, 3, 16])
  func deterministic(threadCount: Int) throws {
    let data = ClusteredVectors(count: 3000, seed: 62)
    let fixture = try GraphFixture(data.vectors, dimension: data.dimension)
    let serial = try fixture.listBytes(listCount: 150, seed: 9)
    let parallel = ParallelFor { count, body in
      DispatchQueue.concurrentPerform(iterations: min(count, threadCount)) { thread in
        // Backwards, so that the order of the parts differs as well.
        for i in stride(from: count - 1 - thread, through: 0, by: -threadCount) { body(i) }
      }
    }
    #expect(try fixture.listBytes(listCount: 150, seed: 9, parallel: parallel) == serial)
    #expect(try fixture.listBytes(listCount: 150, seed: 10) != serial)
  }

  @Test("rounds of k-means bring rows nearer to their centroids than random rows are")
  func improves() throws {
    let data = ClusteredVectors(count: 2000, clusterCount: 40, seed: 63)
    let vectors = FloatBuffer(data.vectors)
    let kMeans = KMeans(
      dimension: 24, isSpherical: false, parallel: .serial, watch: BuildWatch("a test") { false })
    func error(_ centroids: [Float]) throws -> Double {
      let sets = try kMeans.assign(vectors, to: centroids)
      return (0..<sets.count).reduce(0.0) { sum, set in
        sets.members(of: set).reduce(sum) { sum, row in
          let centroid = Array(centroids[set * 24..<(set + 1) * 24])
          return sum + KernelTable.best.squaredL2Double(vectors.pointer + Int(row) * 24, centroid, 24)
        }
      }
    }
    let trained = try error(try kMeans.train(vectors, centroidCount: 40))
    let random = try error(Array(data.vectors.prefix(40 * 24)))
    #expect(trained < 0.7 * random, "\(trained), \(random) at random")
  }

  @Test("equal vectors, zeros and huge ones are no trouble", arguments: Metric.allCases)
  func degenerate(metric: Metric) throws {
    var random = SeededGenerator(seed: 64)
    let one = random.gaussianFloats(count: 8)
    let sets: [[Float]] = [
      (0..<200).flatMap { _ in one },
      [Float](repeating: 0, count: 8 * 200),
      (0..<200).flatMap { $0 % 2 == 0 ? one : one.map { -$0 } },
      random.gaussianFloats(count: 8 * 200).map { $0 * 1e15 },
      random.gaussianFloats(count: 8 * 200).map { $0 * 1e-15 },
    ]
    for (number, vectors) in sets.enumerated() {
      let fixture = try GraphFixture(vectors, dimension: 8, metric: metric)
      let file = try fixture.lists(listCount: 30)
      #expect(Int(file.index.lists.starts[30]) == 200)
      #expect(
        fixture.search(file.vectorIndex, one, k: 10, breadth: 30) == fixture.nearest(one), "set \(number)")
      #expect(fixture.search(file.vectorIndex, one, k: 10, breadth: 1).count == 10, "set \(number)")
    }
  }

  @Test("empty lists get half of the largest one")
  func emptyLists() throws {
    // Rows in two places, near the origin by far the most: centroids that start as copies are split there.
    var random = SeededGenerator(seed: 65)
    var vectors = [Float](repeating: 5, count: 6 * 40)
    vectors += random.gaussianFloats(count: 6 * 960)
    let fixture = try GraphFixture(vectors, dimension: 6, metric: .squaredEuclidean)
    let file = try fixture.lists(listCount: 60)
    let empty = (0..<60).count { file.index.lists.members(of: $0).isEmpty }
    #expect(empty <= 2, "\(empty) lists are empty")
  }

  @Test("a cancelled build throws, a finished one has told of all rows")
  func cancelled() throws {
    let data = ClusteredVectors(count: 2000, seed: 66)
    let fixture = try GraphFixture(data.vectors, dimension: data.dimension)
    let asked = Atomic<Int>(0)
    _ = try fixture.listBytes(isCancelled: {
      asked.add(1, ordering: .relaxed)
      return false
    })
    let total = asked.load(ordering: .relaxed)
    #expect(total > 20)
    for stop in [0, 1, total / 2, total - 1] {
      let left = Atomic<Int>(stop)
      let error = #expect(throws: MoultError.self) {
        _ = try fixture.listBytes(
          parallel: GraphFixture.threads,
          isCancelled: { left.subtract(1, ordering: .relaxed).oldValue <= 0 })
      }
      #expect(error?.code == .cancelled)
    }
    let most = Atomic<Int>(0)
    _ = try fixture.listBytes(
      parallel: GraphFixture.threads, progress: { _ = most.max($0, ordering: .relaxed) })
    #expect(most.load(ordering: .relaxed) == 2000)
  }

  @Test("lists number four times the root of the rows, and have a block of rows each at least")
  func defaultListCount() {
    #expect(
      [0, 1, 16, 31, 32, 256, 10_000, 1_000_000].map(IVFIndexBuilder.defaultListCount) == [
        1, 1, 1, 1, 2, 16, 400, 4000,
      ])
  }
}
