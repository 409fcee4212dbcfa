import MoultEngine
import MoultModel
import MoultTesting
import Testing

@Suite("Points made of stored ones")
struct PointUpdateTests {
  private static func count(_ point: Point?) -> Int {
    guard let payload = point?.payload, let digits = payload.split(separator: ":").last?.dropLast() else {
      return 0
    }
    return Int(digits) ?? 0
  }

  @Test("updates of one point at once follow each other: none works on what another has replaced")
  func concurrent() async throws {
    let harness = try await EngineHarness()
    _ = try await harness.engine.createCollection(
      "counts", schema: CollectionSchema(dimension: 2, metric: .squaredEuclidean))
    let (tasks, rounds) = (8, 12)
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<tasks {
        group.addTask {
          for _ in 0..<rounds {
            _ = try await harness.engine.update([.int64(1), .int64(2)], in: "counts") { stored in
              // Whatever one point has counted, the other has.
              let counts = stored.map(Self.count)
              return PointBatch(
                ids: [.int64(1), .int64(2)],
                vectors: stored.flatMap { point in point?.vector.map { [$0[0] + 1, 0] } ?? [1, 0] },
                dimension: 2,
                payloads: counts.map { #"{"count":\#($0 + 1)}"# })
            }
          }
        }
      }
      try await group.waitForAll()
    }
    let points = try await harness.engine.get(
      [.int64(1), .int64(2)], from: "counts", includeVectors: true, includePayload: true
    ).points
    #expect(points.map(Self.count) == [tasks * rounds, tasks * rounds])
    #expect(points.map(\.vector) == [[Float(tasks * rounds), 0], [Float(tasks * rounds), 0]])
    try await harness.shutDown()
  }

  @Test("what fails changes nothing: a refusal of the caller's, a batch that does not fit")
  func refused() async throws {
    let harness = try await EngineHarness()
    _ = try await harness.engine.createCollection(
      "counts", schema: CollectionSchema(dimension: 2, metric: .cosine))
    _ = try await harness.engine.write(
      PointBatch(ids: [.int64(1)], vectors: [1, 0], dimension: 2, payloads: [#"{"count":7}"#]), to: "counts",
      mode: .upsert)
    await #expect(throws: MoultError.self) {
      _ = try await harness.engine.update([.int64(1)], in: "counts") { _ in
        throw MoultError(.invalidArgument, "refused")
      }
    }
    // Zero has no direction.
    await #expect {
      _ = try await harness.engine.update([.int64(1)], in: "counts") { _ in
        PointBatch(ids: [.int64(1)], vectors: [0, 0], dimension: 2, payloads: ["{}"])
      }
    } throws: { ($0 as? MoultError)?.code == .invalidVector }
    let page = try await harness.engine.get(
      [.int64(1)], from: "counts", includeVectors: true, includePayload: true)
    #expect(page.points.map(Self.count) == [7] && page.points[0].vector == [1, 0])
    try await harness.shutDown()
  }
}
