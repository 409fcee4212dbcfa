import MoultModel
import MoultTesting
import Synchronization
import Testing

@testable import MoultCompute

@Suite("Centroids on a device", .needsDevice)
struct DeviceAssignmentTests {
  @Test(
    "every vector has the CPU's nearest centroid", arguments: [1, 2, 31, 64, 100], [1, 2, 17, 200])
  func nearest(dimension: Int, count: Int) throws {
    let fixture = try DeviceFixture()
    var random = SeededGenerator(seed: UInt64(1000 * dimension + count))
    for (spread, offset) in [(Float(1), Float(0)), (1e-3, 5), (1e12, 0), (1e-20, 0)] {
      var centroids = random.gaussianFloats(count: count * dimension).map { $0 * spread + offset }
      // The last one is a twin of the first: of equally near ones the smallest is wanted.
      centroids.replaceSubrange((count - 1) * dimension..<count * dimension, with: centroids[..<dimension])
      var vectors = random.gaussianFloats(count: 600 * dimension).map { $0 * spread + offset }
      vectors.replaceSubrange(..<dimension, with: centroids[..<dimension])
      func sets(_ parallel: ParallelFor) throws -> KMeans.Sets {
        let kMeans = KMeans(
          dimension: dimension, isSpherical: false, parallel: parallel,
          watch: BuildWatch("lists") { false })
        return try kMeans.assign(FloatBuffer(vectors), to: centroids)
      }
      let found = try fixture.expectWork("spread \(spread)") { try sets(fixture.parallel) }
      let expected = try sets(.serial)
      #expect(found.starts == expected.starts && found.members == expected.members, "spread \(spread)")
    }
  }

  @Test("an inverted file has the CPU's bytes", arguments: Metric.allCases)
  func invertedFile(metric: Metric) throws {
    let data = ClusteredVectors(count: 1000, seed: 61)
    let rows = try GraphFixture(data.vectors, dimension: data.dimension, metric: metric)
    let fixture = try DeviceFixture()
    let found = try fixture.expectWork {
      try rows.listBytes(listCount: 60, seed: 9, parallel: fixture.parallel)
    }
    #expect(try rows.listBytes(listCount: 60, seed: 9) == found)
  }

  @Test("work that is no longer wanted stops and is no trouble of the device")
  func stopped() throws {
    let fixture = try DeviceFixture()
    var random = SeededGenerator(seed: 3)
    let kMeans = KMeans(
      dimension: 16, isSpherical: false, parallel: fixture.parallel, watch: BuildWatch("lists") { true })
    let vectors = FloatBuffer(random.gaussianFloats(count: 16 * 500))
    let error = #expect(throws: MoultError.self) {
      try kMeans.assign(vectors, to: random.gaussianFloats(count: 16 * 20))
    }
    #expect(error?.code == .cancelled)
    #expect(fixture.device.counts.fallbacks == 0)
    #expect(fixture.events.isEmpty)
  }
}
