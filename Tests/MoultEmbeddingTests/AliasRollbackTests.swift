import MoultEmbeddingTesting
import MoultEngine
import MoultModel
import Testing

@Suite("The way back from a re-embedding")
struct AliasRollbackTests {
  private typealias H = ReembedHarness

  /// "live" has moved from "first" to "second", of another model.
  private func withTwo(_ body: @escaping @Sendable (ReembedHarness) async throws -> Void) async throws {
    try await StandInEndpoint.with { endpoint in
      let harness = try await ReembedHarness(endpoint)
      try await harness.addEmbedder(endpoint)
      try await harness.addEmbedder(endpoint, name: "newer") {
        $0.documentPrefix = "p: "
        $0.queryPrefix = "p: "
      }
      try await harness.fill("words", count: 300)
      let first = try await harness.reembed(harness.request(into: "first"))
      #expect(first.state == .completed, "\(first)")
      let second = try await harness.reembed(
        harness.request("first", into: "second") { $0.embedder = "newer" })
      #expect(second.state == .completed, "\(second)")
      try await body(harness)
      try await harness.shutDown()
    }
  }

  @Test("the alias goes back with index, codes and query model, and forth again; the history says so")
  func backAndForth() async throws {
    try await withTwo { harness in
      let engine = harness.engine
      for expected in ["first", "second", "first"] {
        let back = try await engine.goBack("live")
        #expect(back.collection == expected)
        #expect(try engine.describeAlias("live") == expected)
        let answer = try await harness.search("live", text: H.text("word 17"))
        #expect(answer.hits[0].map(\.id) == [.int64(17)])
        #expect(answer.servedBy.collection == expected)
        #expect(answer.servedBy.generation == back.generation.id)
      }
      let entry = try #require(try engine.history(of: "live", limit: 1).first)
      #expect(entry.action == .aliasRolledBack && entry.before == "second" && entry.after == "first")
      // The newest change is what goes: a switch of what answers now.
      let job = try await engine.startSwitch(
        "live",
        SwitchRequest(
          specification: EncodingSpecification(quantization: .int8),
          gate: RecallGateRequest(minimumRecall: 0)))
      #expect(try await harness.finish(job).state == .completed)
      let back = try await engine.goBack("live")
      #expect(back.collection == "first" && back.generation.specification.quantization == .none)
    }
  }

  @Test("it does not go back over writes that the collection before lacks, unless told to")
  func writesSince() async throws {
    try await withTwo { harness in
      let engine = harness.engine
      let batch = PointBatch(
        ids: [.int64(5), .int64(900)],
        vectors: StandInEndpoint.vector("p: a") + StandInEndpoint.vector("p: b"),
        dimension: StandInEndpoint.dimension, payloads: [H.payload("a"), H.payload("b")])
      _ = try await engine.write(batch, to: "live", mode: .upsert)
      _ = try await engine.delete([.int64(6), .int64(900), .int64(901)], from: "live")
      let error = await #expect(throws: MoultError.self) { _ = try await engine.goBack("live") }
      #expect(error?.code == .generationConflict)
      #expect(error?.message.contains("1 points were written") == true, "\(error?.message ?? "")")
      // One of the three was never there, and one was written after the cut-over.
      #expect(error?.message.contains("1 deleted") == true, "\(error?.message ?? "")")
      #expect(try engine.describeAlias("live") == "second")
      let wrong = await #expect(throws: MoultError.self) {
        _ = try await engine.goBack("live", ifCurrent: 999_999, force: true)
      }
      #expect(wrong?.code == .generationConflict)
      #expect(try await engine.goBack("live", force: true).collection == "first")
      // They stay where they are, and are there again on the way forth.
      #expect(try await harness.points(of: "live").count == 300)
      #expect(try await engine.goBack("live").collection == "second")
      #expect(try await harness.points(of: "live").count == 299)
      #expect(try await harness.points(of: "live")[.int64(5)]?.payload == H.payload("a"))
    }
  }

  @Test("a plain reindex has the same way back; without the collection before there is none")
  func plainReindex() async throws {
    try await withTwo { harness in
      let engine = harness.engine
      let job = try await engine.startReindex(
        ReindexRequest(
          source: "live", target: "third", specification: EncodingSpecification(quantization: .int8),
          alias: "live", gate: RecallGateRequest(minimumRecall: 0)))
      #expect(try await harness.finish(job).state == .completed)
      #expect(try await engine.goBack("live").collection == "second")
      #expect(try await engine.goBack("live").collection == "third")
      // By its own name it is about generations.
      #expect(try await engine.goBack("third").generation.specification.quantization == .none)
      #expect(try await engine.goBack("third").generation.specification.quantization == .int8)
      try await engine.alterAlias("live", collection: "first")
      try await engine.dropCollection("third")
      try await engine.dropCollection("second")
      let error = await #expect(throws: MoultError.self) { _ = try await engine.goBack("live") }
      #expect(error?.code == .nothingToRollBack)
    }
  }
}
