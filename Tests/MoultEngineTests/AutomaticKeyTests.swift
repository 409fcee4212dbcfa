import MoultModel
import MoultTesting
import Testing

@testable import MoultEngine

@Suite("Keys that a collection gives out")
struct AutomaticKeyTests {
  private static func open(_ kind: CollectionSchema.KeyKind) async throws -> EngineHarness {
    let harness = try await EngineHarness()
    _ = try await harness.engine.createCollection(
      "c",
      schema: CollectionSchema(
        dimension: 2, metric: .squaredEuclidean, keyKind: kind, automaticKeys: true))
    return harness
  }

  private static func batch(_ ids: [PointID], _ vectors: [Float]) -> PointBatch {
    PointBatch(
      ids: ids, vectors: vectors, dimension: 2,
      payloads: vectors.indices.filter { $0 % 2 == 0 }.map { #"{"x":\#(vectors[$0])}"# })
  }

  private static func stored(_ engine: Engine) async throws -> [PointID: [Float]] {
    let points = try await engine.query(
      "c", filter: nil, limit: 100, includeVectors: true, includePayload: true
    ).points
    return Dictionary(uniqueKeysWithValues: points.map { ($0.id, $0.vector ?? []) })
  }

  @Test(
    "points under keys that are there are replaced and keep them, under others they get the next ones, also over a restart",
    arguments: [CollectionSchema.KeyKind.int64, .string])
  func replace(kind: CollectionSchema.KeyKind) async throws {
    var harness = try await Self.open(kind)
    let given = try await harness.engine.write(
      Self.batch([], [1, 1, 2, 2, 3, 3]), to: "c", mode: .insert
    ).ids
    let unknown: PointID = kind == .int64 ? .int64(12_345) : .string("no key of it")
    let ids = try await harness.engine.replace(
      Self.batch([given[1], unknown, given[0]], [20, 20, 40, 40, 10, 10]), in: "c"
    ).ids
    #expect(ids[0] == given[1] && ids[2] == given[0])
    #expect(!given.contains(ids[1]) && ids[1] != unknown)
    let expected: [PointID: [Float]] = [
      given[0]: [10, 10], given[1]: [20, 20], given[2]: [3, 3], ids[1]: [40, 40],
    ]
    #expect(try await Self.stored(harness.engine) == expected)
    try await harness.shutDown()

    harness = try await EngineHarness(directory: harness.directory)
    #expect(try await Self.stored(harness.engine) == expected)
    let next = try await harness.engine.write(Self.batch([], [5, 5]), to: "c", mode: .insert).ids
    #expect(!expected.keys.contains(next[0]))
    // A partial update keeps keys too.
    let updated = try await harness.engine.update([given[2], unknown], in: "c") { points in
      #expect(points[0]?.vector == [3, 3] && points[1] == nil)
      return Self.batch([given[2], unknown], [30, 30, 50, 50])
    }.ids
    #expect(updated[0] == given[2] && updated[1] != unknown && !expected.keys.contains(updated[1]))
    #expect(try await Self.stored(harness.engine).count == 6)
    try await harness.shutDown()
  }

  @Test("a key that stands twice, or is of the other kind, is refused, and nothing is written")
  func refused() async throws {
    let harness = try await Self.open(.int64)
    let engine = harness.engine
    let given = try await engine.write(Self.batch([], [1, 1]), to: "c", mode: .insert).ids
    for (ids, code) in [
      ([given[0], given[0]], MoultError.Code.duplicateID), ([given[0], .string("a")], .invalidArgument),
      ([given[0]], .invalidArgument), ([], .invalidArgument),
    ] {
      await #expect("\(ids)") {
        _ = try await engine.replace(Self.batch(ids, [2, 2, 3, 3]), in: "c")
      } throws: { ($0 as? MoultError)?.code == code }
    }
    // Points with keys are inserted by nobody.
    await #expect { _ = try await engine.write(Self.batch(given, [2, 2]), to: "c", mode: .upsert) } throws: {
      ($0 as? MoultError)?.code == .invalidArgument
    }
    #expect(try await Self.stored(engine) == [given[0]: [1, 1]])
    try await harness.shutDown()
  }
}
