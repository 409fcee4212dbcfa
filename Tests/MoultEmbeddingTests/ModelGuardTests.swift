import MoultEmbeddingTesting
import MoultEngine
import MoultModel
import Testing

@Suite("Vectors that say what model made them")
struct ModelGuardTests {
  @Test(
    "are written where the collection's are of it, and nowhere else: a moved alias takes none of the old model"
  )
  func writes() async throws {
    try await StandInEndpoint.with { endpoint in
      let harness = try await ReembedHarness(endpoint)
      let engine = harness.engine
      try await harness.addEmbedder(endpoint, name: "model")
      let schema = CollectionSchema(dimension: StandInEndpoint.dimension)
      for name in ["old", "new"] { _ = try await engine.createCollection(name, schema: schema) }
      try await engine.setEmbedder("model", of: "old")
      try await engine.createAlias("live", collection: "old")
      func write(_ id: Int64, ofModel model: String?) async throws {
        let batch = PointBatch(
          ids: [.int64(id)], vectors: StandInEndpoint.vector("text \(id)"),
          dimension: StandInEndpoint.dimension)
        _ = try await engine.write(batch, ofModel: model, to: "live", mode: .upsert)
      }
      func stored(_ name: String) throws -> Int { try engine.describeCollection(name).count }

      try await write(1, ofModel: StandInEndpoint.model)
      try await write(2, ofModel: "model")
      try await write(3, ofModel: nil)
      let other = await #expect(throws: MoultError.self) { try await write(4, ofModel: "another") }
      #expect(other?.code == .invalidArgument)
      #expect(other?.message.contains("said to be of the model 'another'") == true, "\(other?.message ?? "")")
      #expect(other?.message.contains("'\(StandInEndpoint.model)'") == true)
      #expect(try stored("old") == 3)

      try await engine.alterAlias("live", collection: "new")
      let moved = await #expect(throws: MoultError.self) {
        try await write(5, ofModel: StandInEndpoint.model)
      }
      #expect(moved?.message.contains("one that is not known") == true, "\(moved?.message ?? "")")
      try await write(6, ofModel: nil)
      #expect(try stored("new") == 1 && stored("old") == 3)
      try await harness.shutDown()
    }
  }
}
