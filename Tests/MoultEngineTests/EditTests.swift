import MoultModel
import MoultTesting
import Synchronization
import Testing

@testable import MoultEngine

@Suite("Edits of stored points")
struct EditTests {
  private final class Seen: Sendable {
    let places = Mutex<[[Int]]>([])

    func add(_ page: EditedPage) { places.withLock { $0.append(page.points.map(\.place)) } }

    var counts: [Int] { places.withLock { $0.map(\.count) } }
    var all: [Int] { places.withLock { $0.flatMap { $0 } } }
  }

  private static func fill(_ engine: Engine, _ ids: [PointID]) async throws {
    _ = try await engine.createCollection(
      "c", schema: CollectionSchema(dimension: 2, metric: .squaredEuclidean))
    _ = try await engine.write(
      PointBatch(
        ids: ids, vectors: [Float](repeating: 1, count: 2 * ids.count), dimension: 2,
        payloads: ids.map { _ in #"{"edits":0}"# }),
      to: "c", mode: .upsert)
  }

  @Test("many points are edited in pages, each of them once")
  func pages() async throws {
    let harness = try await EngineHarness()
    let engine = harness.engine
    let count = Engine.editedPointsMax + 500
    let ids = (0..<count).map { PointID.int64(Int64($0)) }
    try await Self.fill(engine, ids)
    let seen = Seen()
    let everything = PointFilter.not(.ids([.int64(-1)]))
    let result = try await engine.edit(.matching(everything), in: "c") { page in
      seen.add(page)
      return page.batch(
        page.points.compactMap(\.stored).map { point in
          var point = point
          point.payload = point.payload == #"{"edits":0}"# ? #"{"edits":1}"# : #"{"edits":2}"#
          return point
        })
    }
    #expect(result.ids == ids)
    #expect(seen.counts == [Engine.editedPointsMax, 500])
    #expect(seen.all == Array(0..<count))
    let found = try await engine.get(ids, from: "c", includeVectors: true, includePayload: true).points
    #expect(found.count == count)
    #expect(found.allSatisfy { $0.payload == #"{"edits":1}"# && $0.vector == [1, 1] })
    try await harness.shutDown()
  }

  @Test("ids that are not stored keep their places across pages")
  func places() async throws {
    let harness = try await EngineHarness()
    let engine = harness.engine
    try await Self.fill(engine, [.int64(0)])
    let count = Engine.editedPointsMax + 2
    let seen = Seen()
    let result = try await engine.edit(.ids((0..<count).map { .int64(Int64($0)) }), in: "c") { page in
      seen.add(page)
      return nil
    }
    #expect(result.ids.isEmpty)
    #expect(seen.counts == [Engine.editedPointsMax, 2])
    #expect(seen.all == Array(0..<count))
    try await harness.shutDown()
  }
}
