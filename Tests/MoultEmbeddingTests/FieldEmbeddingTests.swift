import Foundation
import MoultEmbeddingTesting
import MoultEngine
import MoultModel
import MoultTesting
import Testing

@Suite("Re-embedding into a field")
struct FieldEmbeddingTests {
  private typealias H = ReembedHarness

  private func request(_ harness: ReembedHarness) -> ReembedRequest {
    harness.request {
      $0.target = nil
      $0.alias = nil
      $0.field = "made"
      $0.missing = .skip
    }
  }

  /// Waits until nothing is left to do.
  private func settle(_ harness: ReembedHarness) async throws {
    while let job = try harness.engine.jobs(limit: 1_000).first(where: { !$0.state.isFinal }) {
      let ended = try await harness.finish(job)
      #expect(ended.state == .completed, "\(ended)")
    }
  }

  /// Whether each point has the vector of its text in the field, its payload, and in the first field what it had.
  private func expectAll(
    _ harness: ReembedHarness, _ words: [Int64: String], sourceLocation: SourceLocation = #_sourceLocation
  ) async throws {
    let points = try await harness.points(of: "words")
    #expect(points.count == words.count, sourceLocation: sourceLocation)
    for (id, word) in words {
      var random = SeededGenerator(seed: UInt64(bitPattern: id))
      let point = points[.int64(id)]
      #expect(point?.payload == H.payload(word), "point \(id)", sourceLocation: sourceLocation)
      #expect(
        point?.vector == random.unitVector(dimension: H.oldDimension), "point \(id)",
        sourceLocation: sourceLocation)
      #expect(
        point?.fields["made"] == StandInEndpoint.vector(H.text(word)), "point \(id)",
        sourceLocation: sourceLocation)
    }
  }

  @Test("what is there is filled, what comes is followed, over a restart too, and equal texts are sent once")
  func followsWrites() async throws {
    try await StandInEndpoint.with { endpoint in
      let directory = TemporaryDirectory()
      var harness = try await ReembedHarness(directory: directory, endpoint)
      try await harness.addEmbedder(endpoint)
      try await harness.fill("words", count: 1_300)
      var words = Dictionary(uniqueKeysWithValues: (0..<1_300).map { (Int64($0), "word \($0)") })
      let job = try await harness.engine.startReembed(request(harness))
      let done = try await harness.finish(job)
      #expect(done.state == .completed && done.embedding?.texts == 1_300, "\(done)")
      try await settle(harness)
      try await expectAll(harness, words)
      let info = try harness.engine.describeCollection("words")
      #expect(info.fields.first?.count == 1_300 && info.count == 1_300)
      #expect(
        try await harness.search("words:made", text: H.text("word 17")).hits[0].map(\.id) == [.int64(17)])

      for round in 0..<2 {
        if round == 1 {
          try await harness.shutDown()
          harness = try await ReembedHarness(directory: directory, endpoint)
        }
        let (new, changed) = (Int64(2_000 + round), Int64(5 + round))
        try await harness.write(
          [(new, H.payload("new \(round)")), (changed, H.payload("word 9"))], to: "words")
        _ = try await harness.engine.delete([.int64(Int64(20 + round))], from: "words")
        // The first field's vector stays, and the text is another one.
        let edited = Int64(40 + round)
        _ = try await harness.engine.edit(.ids([.int64(edited)]), in: "words") { page in
          var point = page.points[0].stored!
          point.payload = H.payload("edited")
          return page.batch([point])
        }
        words[new] = "new \(round)"
        words[changed] = "word 9"
        words[edited] = "edited"
        words[Int64(20 + round)] = nil
        try await settle(harness)
        try await expectAll(harness, words)
      }
      // One was searched for too.
      let twice = endpoint.sent.filter { $0.value > 1 }.map(\.key)
      #expect(twice == [H.text("word 17")], "\(twice)")
      try await harness.shutDown()
    }
  }

  @Test("a vector that a client writes itself stays, and a point without a text is left out and counted")
  func keepsGiven() async throws {
    try await StandInEndpoint.with { endpoint in
      let harness = try await ReembedHarness(endpoint)
      let engine = harness.engine
      try await harness.addEmbedder(endpoint)
      try await harness.fill("words", count: 50)
      try await harness.write([(3, #"{"word":7}"#)], to: "words")
      let done = try await harness.finish(try await engine.startReembed(request(harness)))
      #expect(done.state == .completed, "\(done)")
      #expect(done.embedding?.skipped == 1 && done.embedding?.exceptions.map(\.id) == ["3"])
      // Done for whoever knows nothing of the job, as in a backup.
      let made = try engine.describeCollection("words:made")
      #expect(made.schema.isPartial == nil && made.count == 49)
      let given = StandInEndpoint.vector("by hand")
      let old = try #require(try await harness.points(of: "words")[.int64(4)]?.vector)
      _ = try await engine.write(
        PointBatch(
          ids: [.int64(4)], vectors: old, dimension: H.oldDimension, payloads: [H.payload("made by hand")],
          fields: ["made": FieldVectors([given], dimension: StandInEndpoint.dimension)]), to: "words",
        mode: .upsert)
      try await settle(harness)
      let points = try await harness.points(of: "words")
      #expect(points[.int64(4)]?.fields["made"] == given)
      #expect(endpoint.sent[H.text("made by hand")] == nil, "a text was paid for that needs no vector")
      // An edit beside the text keeps it; one of the text has the model make another.
      for payload in [#"{"word":"made by hand","tags":["a","b"],"n":1}"#, H.payload("edited")] {
        _ = try await engine.update([.int64(4)], in: "words") { points in
          let old = points[0]!
          return PointBatch(
            ids: [old.id], vectors: old.vector!, dimension: H.oldDimension, payloads: [payload],
            fields: ["made": FieldVectors([old.fields["made"]], dimension: StandInEndpoint.dimension)])
        }
        try await settle(harness)
        let made = try await harness.points(of: "words")[.int64(4)]?.fields["made"]
        let isOther = payload == H.payload("edited")
        #expect(made == (isOther ? StandInEndpoint.vector(H.text("edited")) : given))
      }
      #expect(points[.int64(3)]?.fields["made"] == nil)
      #expect(points.values.count { $0.fields["made"] != nil } == 49)
      try await harness.shutDown()
    }
  }

  @Test("points keep their multivectors when they are given a vector in the field")
  func keepsParts() async throws {
    try await StandInEndpoint.with { endpoint in
      let harness = try await ReembedHarness(endpoint)
      try await harness.addEmbedder(endpoint)
      try await harness.fill("words", count: 5)
      let part = Data([0, 0, 128, 63]).base64EncodedString()
      let payload = #"{"$vectors":{"0":"\#(part)"},"# + H.payload("many rows").dropFirst()
      try await harness.write([(1, payload), (3, payload)], to: "words")
      let done = try await harness.finish(try await harness.engine.startReembed(request(harness)))
      #expect(done.state == .completed, "\(done)")
      try await settle(harness)
      #expect(try await harness.engine.partCount(number: 0, of: "words") == 2)
      #expect(
        try await harness.points(of: "words")[.int64(3)]?.fields["made"]
          == StandInEndpoint.vector(H.text("many rows")))
      try await harness.shutDown()
    }
  }

  @Test("fields that cannot be filled are refused, and nothing is changed")
  func refused() async throws {
    try await StandInEndpoint.with { endpoint in
      let harness = try await ReembedHarness(endpoint)
      let engine = harness.engine
      try await harness.addEmbedder(endpoint)
      try await harness.addEmbedder(endpoint, name: "other") { $0.documentPrefix = "d: " }
      try await harness.fill("words", count: 10)
      try await engine.addVectorField(
        VectorField(name: "narrow", dimension: 3, metric: .cosine), to: "words")
      #expect(try await harness.finish(try await engine.startReembed(request(harness))).state == .completed)
      let first = try engine.describeCollection("words").schema.vectorField
      for (change, word) in [
        ({ $0.field = "narrow" }, "3 dimensions"), ({ $0.field = first }, "first vector field"),
        ({ $0.embedder = "other" }, "drop it"), ({ $0.target = "both" }, "takes no target"),
        ({ $0.field = "" }, ""), ({ $0.text = "{nothing}" }, "nothing"),
      ] as [((inout ReembedRequest) -> Void, String)] {
        var request = request(harness)
        change(&request)
        let wrong = request
        let error = await #expect(throws: MoultError.self) { _ = try await engine.startReembed(wrong) }
        #expect(error?.message.contains(word) == true || word.isEmpty, "\(error?.message ?? "") for \(word)")
      }
      #expect(try engine.describeCollection("words").fields.map(\.name).sorted() == ["made", "narrow"])
      try await harness.shutDown()
    }
  }

  @Test(
    "a field that is being filled is told as such, refused where that was asked for, and keeps others from being dropped"
  )
  func partial() async throws {
    try await StandInEndpoint.with(latency: .milliseconds(50)) { endpoint in
      let directory = TemporaryDirectory()
      var harness = try await ReembedHarness(directory: directory, endpoint)
      var engine = harness.engine
      try await harness.addEmbedder(endpoint)
      // More than the endpoint can answer before the job is cancelled.
      try await harness.fill("words", count: 2_000)
      for name in ["old", "older"] {
        try await engine.addVectorField(VectorField(name: name, dimension: 3), to: "words")
      }
      let job = try await engine.startReembed(request(harness))
      _ = try await engine.cancelJob(job.id)
      #expect(try await harness.finish(job).state == .cancelled)

      var search = SearchRequest(
        queries: StandInEndpoint.vector("x"), dimension: StandInEndpoint.dimension, limit: 3)
      #expect(try await engine.search(search, in: "words:made").hits.map(\.count) == [0])
      search.refusesPartial = true
      let asked = search
      let error = await #expect(throws: MoultError.self) {
        _ = try await harness.engine.search(asked, in: "words:made")
      }
      #expect(error?.code == .collectionNotReady)
      for word in ["words:made", "0 of 2000", "--allow-partial"] {
        #expect(error?.message.contains(word) == true, "\(error?.message ?? "")")
      }
      // The other two were added to points, and nobody fills them.
      #expect(try engine.fillsUnderWay(of: "words").count == 3)
      await #expect {
        _ = try await harness.engine.setSearchField("made", of: "words")
      } throws: { ($0 as? MoultError)?.code == .collectionNotReady }
      await #expect {
        try await harness.engine.dropVectorField("old", from: "words")
      } throws: { ($0 as? MoultError)?.code == .switchInProgress }
      try await engine.dropVectorField("old", from: "words", force: true)

      // It goes on by itself, at the next start for one.
      try await harness.shutDown()
      harness = try await ReembedHarness(directory: directory, endpoint)
      engine = harness.engine
      try await settle(harness)
      #expect(try engine.fillsUnderWay(of: "words").allSatisfy { $0.contains("'words:older'") })
      #expect(try await engine.search(asked, in: "words:made").hits[0].count == 3)
      // What comes later is behind for a moment, which is nobody's concern; so it is after a restart.
      try await harness.shutDown()
      harness = try await ReembedHarness(directory: directory, endpoint)
      engine = harness.engine
      try await harness.write([(9_000, H.payload("late"))], to: "words")
      #expect(try await engine.search(asked, in: "words:made").hits[0].count == 3)
      #expect(try await engine.setSearchField("made", of: "words").schema.searchField == "made")
      #expect(try await harness.search("words", text: H.text("word 17")).hits[0].map(\.id) == [.int64(17)])
      try await engine.dropVectorField("older", from: "words")
      try await settle(harness)
      try await harness.shutDown()
    }
  }
}
