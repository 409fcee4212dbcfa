import MoultModel
import MoultTesting
import Testing

@testable import MoultCompute

/// Has room for some 600 of 1200 vectors of 24 dimensions with lists of 64.
private let littleMemory = 2_100_000

@Suite("Graphs from a device", .needsDevice)
struct DeviceNeighborsTests {
  @Test(
    "are as good as those of the CPU, also in parts of vectors that do not fit",
    arguments: Metric.allCases, [1 << 30, littleMemory])
  func recall(metric: Metric, memory: Int) throws {
    let data = ClusteredVectors(count: 1200, seed: 71)
    let rows = try GraphFixture(data.vectors, dimension: data.dimension, metric: metric)
    let fixture = try DeviceFixture([.memory: memory])
    let bytes = try fixture.expectWork {
      try rows.graphBytes(
        of: DeviceNeighbors(
          vectors: rows.codes, dimension: data.dimension, metric: metric, parallel: fixture.parallel),
        parallel: fixture.parallel)
    }
    let built = try GraphFile(bytes)
    let inserted = try rows.graph()
    var found = (onDevice: 0, onThreads: 0)
    for row in stride(from: 0, to: 1200, by: 12) {
      let query = Array(data.vectors[row * data.dimension..<(row + 1) * data.dimension])
      let truth = Set(
        ExactSearch.search(
          queries: query, queryCount: 1, dimension: data.dimension, metric: metric,
          segments: [ExactSegment(codes: rows.codes)], k: 10)[0].map { UInt32($0.row) })
      found.onDevice += rows.search(built.graph, query, ef: 64).count { truth.contains($0.row) }
      found.onThreads += rows.search(inserted.graph, query, ef: 64).count { truth.contains($0.row) }
    }
    #expect(found.onDevice >= found.onThreads - 20, "\(found) of 1000")
  }

  @Test("of vectors that do not fit there are lists alone, and the builder chooses links")
  func inParts() throws {
    let data = ClusteredVectors(count: 1200, seed: 73)
    let coded = CodedVectors(.identity(dimension: data.dimension, metric: .cosine), data.vectors)
    func found(_ memory: Int) throws -> (neighbors: GraphNeighbors, calls: Int) {
      let fixture = try DeviceFixture([.memory: memory])
      let source = try #require(
        DeviceNeighbors(
          vectors: coded.view, dimension: data.dimension, metric: .cosine, parallel: fixture.parallel))
      let neighbors = try fixture.expectWork {
        try source.neighbors(degree: 64, linkCount: 16, seed: 1, isCancelled: { false })
      }
      return (try #require(neighbors), fixture.device.counts.calls)
    }
    let parts = try found(littleMemory)
    guard case .lists(let table) = parts.neighbors else {
      Issue.record("links of vectors that do not fit")
      return
    }
    #expect(parts.calls == 2, "hold and lists")
    for row in 0..<UInt32(1200) {
      let list = table.rows[Int(row) * 64..<Int(row + 1) * 64]
      #expect(Set(list).count == 64 && list.allSatisfy { $0 < 1200 && $0 != row })
    }
    guard case .links = try found(1 << 30).neighbors else {
      Issue.record("lists of vectors that fit")
      return
    }
  }

  @Test("a build that is cancelled while the device works ends as cancelled")
  func cancelled() throws {
    let data = ClusteredVectors(count: 600, seed: 72)
    let rows = try GraphFixture(data.vectors, dimension: data.dimension)
    let fixture = try DeviceFixture()
    let error = #expect(throws: MoultError.self) {
      try rows.graphBytes(
        of: DeviceNeighbors(
          vectors: rows.codes, dimension: data.dimension, metric: .cosine, parallel: fixture.parallel),
        parallel: fixture.parallel, isCancelled: { true })
    }
    #expect(error?.code == .cancelled)
    #expect(fixture.events.isEmpty)
  }

  @Test(
    "what the device cannot do, or has no room for, is not begun",
    arguments: [(481, 32, 1 << 30), (64, 513, 1 << 30), (480, 32, 3 << 20)])
  func refused(work: (degree: Int, linkCount: Int, memory: Int)) throws {
    let coded = CodedVectors(
      .identity(dimension: 64, metric: .cosine), [Float](repeating: 1, count: 64 * 8000))
    let fixture = try DeviceFixture([.memory: work.memory])
    let source = try #require(
      DeviceNeighbors(vectors: coded.view, dimension: 64, metric: .cosine, parallel: fixture.parallel))
    let found = try source.neighbors(
      degree: work.degree, linkCount: work.linkCount, seed: 1, isCancelled: { false })
    #expect(found == nil)
    #expect(fixture.device.counts.calls == 0)
  }

  @Test("without a device there is no source")
  func none() {
    let coded = CodedVectors(.identity(dimension: 1, metric: .cosine), [1])
    #expect(
      DeviceNeighbors(vectors: coded.view, dimension: 1, metric: .cosine, parallel: .serial) == nil)
  }
}
