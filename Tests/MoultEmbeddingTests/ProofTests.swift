import MoultEmbeddingTesting
import MoultModel
import MoultStorage
import Testing

@testable import MoultEngine

@Suite("Proof before a cut-over")
struct ProofTests {
  private typealias H = ReembedHarness

  /// "words" embedded by "new", as "first" behind the alias "live".
  private func withFirst(
    _ body: @escaping @Sendable (ReembedHarness, StandInEndpoint) async throws -> Void
  ) async throws {
    try await StandInEndpoint.with { endpoint in
      let harness = try await ReembedHarness(endpoint)
      try await harness.addEmbedder(endpoint)
      try await harness.fill("words", count: 600)
      try await harness.engine.createAlias("live", collection: "words")
      let job = try await harness.reembed(harness.request(into: "first"))
      #expect(job.state == .completed, "\(job)")
      try await body(harness, endpoint)
      try await harness.shutDown()
    }
  }

  private static let queries = (0..<60).map {
    LabelledQuery(text: H.text("word \($0)"), relevant: [.int64(Int64($0))])
  }

  @Test(
    "labelled queries tell a model that answers as well from one that answers worse, and hold the latter up")
  func labelledQueries() async throws {
    try await withFirst { harness, endpoint in
      // Another prefix for documents is another model to the stand-in: queries find nothing any more.
      try await harness.addEmbedder(endpoint, name: "worse") { $0.documentPrefix = "document: " }
      try await harness.addEmbedder(endpoint, name: "equal") {
        $0.documentPrefix = "p: "
        $0.queryPrefix = "p: "
      }
      func request(_ embedder: String, _ target: String, loss: Double?) -> ReembedRequest {
        harness.request("first", into: target) {
          $0.embedder = embedder
          $0.alias = nil
          $0.labelledQueries = Self.queries + [LabelledQuery(text: "x", relevant: [.int64(77_777)])]
          $0.maximumLabelledLoss = loss
        }
      }
      let measured = try await harness.reembed(request("worse", "measured", loss: nil))
      #expect(measured.state == .completed, "\(measured)")
      let proof = try #require(measured.embedding?.labelled)
      #expect(proof.queries == 60 && proof.ignored == 1 && proof.k == 10)
      #expect(proof.ndcgBefore == 1 && proof.recallBefore == 1)
      #expect(proof.ndcgAfter < 0.2 && proof.recallAfter < 0.3)
      let change = try #require(proof.ndcgChange)
      #expect(change.upper < -0.7 && change.lower <= change.mean && change.mean <= change.upper)

      let refused = try await harness.reembed(request("worse", "refused", loss: 0.1))
      #expect(refused.state == .failed)
      #expect(refused.errorCode == MoultError.Code.recallGateFailed.rawValue)
      #expect(refused.error?.contains("nDCG@10") == true, "\(refused.error ?? "")")
      #expect(!(try harness.engine.listCollections().map(\.name).contains("refused")))

      let taken = try await harness.reembed(request("equal", "taken", loss: 0.01))
      #expect(taken.state == .completed, "\(taken)")
      #expect(taken.embedding?.labelled?.ndcgChange?.mean == 0)
    }
  }

  @Test("labelled queries that cannot be used are refused before the job begins, or name what is wrong")
  func badQueries() async throws {
    try await withFirst { harness, _ in
      let many = [PointID](repeating: .int64(1), count: LabelledQuery.relevantMax + 1)
      for (change, word) in [
        ({ $0.labelledQueries = [LabelledQuery(text: "", relevant: [.int64(1)])] }, "labelled query 1"),
        ({ $0.labelledQueries = [LabelledQuery(text: "x", relevant: [])] }, "0 points"),
        ({ $0.labelledQueries = [LabelledQuery(text: "x", relevant: many)] }, "1001 points"),
        ({ $0.maximumLabelledLoss = 0.1 }, "labelledQueries"),
        (
          {
            $0.labelledQueries = Self.queries
            $0.maximumLabelledLoss = 0.1
          }, "moult embedder bind words"
        ),
      ] as [((inout ReembedRequest) -> Void, String)] {
        let error = await #expect(throws: MoultError.self) {
          _ = try await harness.engine.startReembed(harness.request(into: "again", change))
        }
        #expect(error?.message.contains(word) == true, "\(error?.message ?? "") for \(word)")
      }
      let unknown = try await harness.reembed(
        harness.request("first", into: "again") {
          $0.alias = nil
          $0.labelledQueries = [LabelledQuery(text: "x", relevant: [.string("1")])]
        })
      #expect(unknown.state == .failed)
      #expect(unknown.error?.contains("none of the points") == true, "\(unknown.error ?? "")")
    }
  }

  @Test(
    "the report has the digest of what both sides hold; a copy that differs in one payload does not go live")
  func payloadsDiffer() async throws {
    try await withFirst { harness, _ in
      let engine = harness.engine
      func held(_ target: String) async throws -> JobInfo {
        let job = try await engine.startReembed(
          harness.request(into: target) {
            $0.alias = nil
            $0.swapAt = JobInfo.untilReleased
          })
        try await harness.held(job)
        return job
      }
      let sound = try await held("sound")
      // What comes while it waits is followed on both sides.
      try await harness.write([(3, H.payload("other")), (9_000, H.payload("late"))], to: "words")
      _ = try await engine.delete([.int64(4)], from: "words")
      _ = try await engine.holdJob(sound.id, until: nil)
      let done = try await harness.finish(sound)
      #expect(done.state == .completed, "\(done)")
      let compared = try #require(done.embedding?.payloads)
      #expect(compared.points == 600 && compared.digest.count == 32)

      let job = try await held("damaged")
      let target = try #require(engine.aliases.current.collections["damaged"])
      try await target.holdingWriters {
        try await engine.resources.writing.run {
          _ = try engine.resources.writer(of: target).write(
            PointBatch(
              ids: [.int64(7)], vectors: StandInEndpoint.vector("any"), dimension: StandInEndpoint.dimension,
              payloads: [#"{"word":"word 7","tags":["a","c"]}"#]), mode: .upsert)
        }
      }
      _ = try await engine.holdJob(job.id, until: nil)
      let failed = try await harness.finish(job)
      #expect(failed.state == .failed)
      #expect(failed.errorCode == MoultError.Code.recallGateFailed.rawValue)
      #expect(failed.error?.contains("payloads") == true, "\(failed.error ?? "")")
    }
  }

  @Test("a digest knows no order, and every id and payload")
  func digest() {
    let points = (0..<50).map { StoredPoint(row: Int64($0), id: .int64(Int64($0)), payload: "{\"n\":\($0)}") }
    func digest(_ points: [StoredPoint]) -> PayloadDigest {
      var digest = PayloadDigest()
      for point in points { digest.add(point) }
      return digest
    }
    let whole = digest(points)
    #expect(digest(points.reversed()) == whole)
    var less = whole
    less.remove(points[3])
    #expect(less == digest(points.filter { $0.row != 3 }) && less != whole)
    for (id, payload) in [
      (PointID.int64(3), "{}"), (.string("3"), points[3].payload!), (.int64(4), points[3].payload!),
    ] {
      var other = points
      other[3].id = id
      other[3].payload = payload
      #expect(digest(other) != whole, "\(id) \(payload)")
    }
    // Rows are each collection's own, and no payload is an empty one.
    var moved = points[0]
    moved.row = 99
    moved.payload = nil
    var empty = moved
    empty.payload = ""
    #expect(digest([moved]) == digest([empty]))
  }
}
