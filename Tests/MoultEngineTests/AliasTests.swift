import MoultEngine
import MoultModel
import Testing

@Suite("Aliases")
struct AliasTests {
  private func harness() async throws -> EngineHarness {
    let harness = try await EngineHarness()
    for name in ["a", "b"] {
      _ = try await harness.engine.createCollection(name, schema: CollectionSchema(dimension: 2))
    }
    return harness
  }

  private func code(_ body: () async throws -> Void) async -> MoultError.Code? {
    do {
      try await body()
      return nil
    } catch {
      return (error as? MoultError)?.code
    }
  }

  @Test("names and aliases share one namespace; every conflict has its code")
  func rules() async throws {
    let harness = try await harness()
    let engine = harness.engine
    try await engine.createAlias("x", collection: "a")
    try await engine.createAlias("x", collection: "a")
    try await engine.createAlias("y", collection: "x")
    #expect(try engine.describeAlias("y") == "a")
    #expect(await code { try await engine.createAlias("x", collection: "b") } == .aliasExists)
    #expect(await code { try await engine.createAlias("b", collection: "a") } == .nameConflict)
    #expect(await code { try await engine.createAlias("z", collection: "nowhere") } == .collectionNotFound)
    #expect(await code { try await engine.alterAlias("z", collection: "a") } == .aliasNotFound)
    #expect(await code { try await engine.alterAlias("z", collection: "nowhere") } == .collectionNotFound)
    #expect(
      await code { try await engine.alterAlias("x", collection: "b", ifCurrent: "b") } == .aliasExists)
    #expect(try engine.describeAlias("x") == "a")
    #expect(await code { try await engine.dropCollection("a") } == .collectionHasAliases)
    #expect(await code { try await engine.dropCollection("x") } == .invalidArgument)
    #expect(
      await code { _ = try await engine.createCollection("x", schema: CollectionSchema(dimension: 2)) }
        == .nameConflict)
    try await engine.alterAlias("x", collection: "b", ifCurrent: "a")
    #expect(try engine.listAliases().map(\.alias) == ["x", "y"])
    #expect(try engine.listAliases(of: "x").map(\.alias) == ["x"])
    #expect(try await engine.dropAlias("y"))
    #expect(try await !engine.dropAlias("y"))
    try await engine.dropCollection("a")
    #expect(!engine.hasCollection("a"))
    #expect(engine.hasCollection("x"))
    try await harness.shutDown()
  }

  @Test("aliases survive a restart")
  func durable() async throws {
    let first = try await harness()
    try await first.engine.createAlias("x", collection: "a")
    try await first.engine.alterAlias("x", collection: "b")
    try await first.shutDown()
    let second = try await EngineHarness(directory: first.directory)
    #expect(try second.engine.describeAlias("x") == "b")
    try await second.shutDown()
  }

  @Test("a request that begins after a swap has returned is answered by the new target")
  func linearizable() async throws {
    let harness = try await harness()
    let engine = harness.engine
    for (name, id) in [("a", Int64(1)), ("b", 2)] {
      _ = try await engine.write(
        PointBatch(ids: [.int64(id)], vectors: [1, 0], dimension: 2), to: name, mode: .upsert)
    }
    try await engine.createAlias("x", collection: "a")
    let request = SearchRequest(queries: [1, 0], dimension: 2, limit: 1)
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<4 {
        group.addTask {
          // Readers that race with the swaps: one answer never mixes two collections.
          for _ in 0..<500 {
            let answer = try await engine.search(request, in: "x")
            #expect(
              answer.hits == [[SearchHit(id: .int64(answer.servedBy.collection == "a" ? 1 : 2), score: 1)]])
          }
        }
      }
      group.addTask {
        for round in 0..<200 {
          let target = round.isMultiple(of: 2) ? "b" : "a"
          try await engine.alterAlias("x", collection: target)
          #expect(try await engine.search(request, in: "x").servedBy.collection == target)
        }
      }
      try await group.waitForAll()
    }
    try await harness.shutDown()
  }
}
