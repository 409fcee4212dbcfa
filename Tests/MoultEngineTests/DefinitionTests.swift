import MoultModel
import MoultTesting
import Testing

@testable import MoultEngine

/// What a collection is called and how it is defined, changed while it is there.
@Suite("Definitions")
struct DefinitionTests {
  /// Three points: (1,0), (3,4), (0,0).
  private func made(metric: Metric = .squaredEuclidean) async throws -> EngineHarness {
    let harness = try await EngineHarness()
    _ = try await harness.engine.createCollection("c", schema: CollectionSchema(dimension: 2, metric: metric))
    _ = try await harness.engine.write(
      PointBatch(
        ids: [.int64(1), .int64(2), .int64(3)], vectors: [1, 0, 3, 4, 0, 0], dimension: 2,
        payloads: [#"{"a":"m","n":1}"#, #"{"a":"[x]","n":2}"#, #"{"a":null}"#]), to: "c", mode: .insert)
    return harness
  }

  private func reopened(_ harness: EngineHarness) async throws -> EngineHarness {
    try await harness.shutDown()
    return try await EngineHarness(directory: harness.directory)
  }

  private func best(_ engine: Engine, _ query: [Float], in name: String = "c") async throws -> [PointID] {
    try await engine.search(SearchRequest(queries: query, dimension: 2, limit: 3), in: name).hits[0].map(\.id)
  }

  @Test("another metric orders by it at once and after a restart, with all rows")
  func metric() async throws {
    let harness = try await made()
    #expect(try await best(harness.engine, [2, 0]) == [.int64(1), .int64(3), .int64(2)])
    try await harness.engine.redefine("c", metric: .innerProduct, index: .flat)
    #expect(try await best(harness.engine, [2, 0]) == [.int64(2), .int64(1), .int64(3)])
    _ = try await harness.engine.write(
      PointBatch(ids: [.int64(4)], vectors: [9, 0], dimension: 2), to: "c", mode: .insert)
    let again = try await reopened(harness)
    #expect(try again.engine.describeCollection("c").schema.metric == .innerProduct)
    #expect(try await best(again.engine, [2, 0]) == [.int64(4), .int64(2), .int64(1)])
    try await again.shutDown()
  }

  @Test("a collection with codes keeps its metric")
  func codes() async throws {
    let harness = try await made()
    let job = try await harness.finish(
      harness.engine.startSwitch(
        "c",
        SwitchRequest(
          specification: EncodingSpecification(quantization: .float16),
          gate: RecallGateRequest(minimumRecall: 0))))
    #expect(job.state == .completed)
    let error = await #expect(throws: MoultError.self) {
      try await harness.engine.redefine("c", metric: .cosine, index: .flat)
    }
    #expect(error?.code == .unsupported)
    #expect(try harness.engine.describeCollection("c").schema.metric == .squaredEuclidean)
    try await harness.shutDown()
  }

  @Test("a new name keeps rows and aliases, now and after a restart; a taken one is refused")
  func rename() async throws {
    let harness = try await made()
    let engine = harness.engine
    _ = try await engine.createCollection("taken", schema: CollectionSchema(dimension: 2))
    try await engine.createAlias("alias", collection: "c")
    for (name, newName, code) in [
      ("c", "taken", MoultError.Code.collectionExists), ("c", "alias", .nameConflict),
      ("alias", "new", .invalidArgument), ("none", "new", .collectionNotFound),
      ("c", "a b", .invalidArgument),
    ] {
      let error = await #expect(throws: MoultError.self) {
        try await engine.renameCollection(name, to: newName)
      }
      #expect(error?.code == code)
    }
    try await engine.renameCollection("c", to: "new")
    let again = try await reopened(harness)
    for engine in [again.engine] {
      #expect(!engine.hasCollection("c"))
      #expect(try engine.describeAlias("alias") == "new")
      #expect(try engine.describeCollection("alias").count == 3)
      #expect(try await best(engine, [1, 0], in: "new").first == .int64(1))
    }
    try await again.shutDown()
  }

  @Test("annotations are kept as they are")
  func annotations() async throws {
    let harness = try await made()
    try await harness.engine.annotate("c") { _ in "ä {\"x\":1}" }
    #expect(try harness.engine.describeCollection("c").schema.annotations == "ä {\"x\":1}")
    let again = try await reopened(harness)
    #expect(try again.engine.describeCollection("c").schema.annotations == "ä {\"x\":1}")
    try await again.shutDown()
  }

  @Test("texts, patterns and ranges of ids choose points; counts agree")
  func filters() async throws {
    let harness = try await made()
    func ids(_ filter: PointFilter) async throws -> [PointID] {
      let found = try await harness.engine.query(
        "c", filter: filter, limit: 10, includeVectors: false, includePayload: false
      ).points.map(\.id)
      #expect(try await harness.engine.count("c", filter: filter).count == found.count)
      return found
    }
    #expect(try await ids(.field(["a"], .matches(glob: "[[]*"))) == [.int64(2)])
    #expect(try await ids(.field(["a"], .matches(glob: "?"))) == [.int64(1)])
    #expect(try await ids(.field(["a"], .matches(glob: "M"))) == [])
    let l = PointFilter.TextBound("l", isInclusive: false)
    #expect(try await ids(.field(["a"], .isTextBetween(lower: l, upper: nil))) == [.int64(1)])
    #expect(
      try await ids(
        .idsBetween(lower: .init(.int64(1), isInclusive: false), upper: .init(.int64(3), isInclusive: true)))
        == [.int64(2), .int64(3)])
    let one = PointFilter.Bound(1, isInclusive: true)
    let odd = PointFilter.idsBetweenAfter([.init(.remainder, .int(2))], lower: one, upper: one)
    #expect(try await ids(odd) == [.int64(1), .int64(3)])
    #expect(try await ids(.not(odd)) == [.int64(2)])
    #expect(try await ids(.idsBetweenAfter([.init(.divide, .int(0))], lower: nil, upper: nil)) == [])
    #expect(try await ids(.sample(share: 1, seed: 7)).count == 3)
    #expect(try await ids(.sample(share: 0, seed: 7)).isEmpty)
    let deleted = try await harness.engine.delete(
      matching: .not(.field(["n"], .isOneOf([.int(1)]))), from: "c")
    #expect(deleted.ids == [.int64(2), .int64(3)])
    #expect(try harness.engine.describeCollection("c").count == 1)
    try await harness.shutDown()
  }
}
