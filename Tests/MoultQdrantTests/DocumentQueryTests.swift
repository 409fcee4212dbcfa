import MoultEngine
import MoultModel
import MoultServer
import MoultServerTesting
import Testing

@Suite("Texts searched for in dense vectors, over Qdrant's protocol")
struct DocumentQueryTests {
  /// A text of n bytes is n on the first axis.
  private struct Model: TextEmbedding {
    var identity: String { "bytes" }

    func embed(_ texts: [String]) async throws -> EmbeddingAnswer {
      EmbeddingAnswer(outcomes: texts.map { .vector([Float($0.utf8.count), 0.5]) }, tokens: nil)
    }
  }

  private struct Models: EmbedderSource {
    func check(_ embedder: Embedder) throws {}
    func open(_ embedder: Embedder) throws -> any TextEmbedding { Model() }
  }

  @Test(
    "the model of the stored vectors makes them, and no other; there and in the forms with several examples")
  func documents() async throws {
    try await withQdrant { server in
      func query(_ body: String) async throws -> ServerHarness.Answer {
        try await server.send(.post, "/collections/words/points/query", Array(body.utf8))
      }
      _ = try await server.put("/collections/words", #"{"vectors":{"size":2,"distance":"Euclid"}}"#)
      let put = try await server.put(
        "/collections/words/points?wait=true",
        #"{"points":[{"id":1,"vector":[1,0.5]},{"id":3,"vector":[3,0.5]},{"id":9,"vector":[9,0.5]}]}"#)
      #expect(put.status == 200, "\(put.text)")
      let asked = #"{"query":{"text":"abc","model":"bytes"},"limit":1}"#
      let unknown = try await query(asked)
      #expect(unknown.status == 400 && unknown.text.contains("one that is not known"), "\(unknown.text)")

      server.engine.callEmbedders(with: Models())
      try await server.engine.addEmbedder(
        Embedder(name: "b", url: "http://localhost/v1/embeddings", model: "bytes", dimension: 2))
      try await server.engine.setEmbedder("b", of: "words")
      let found = try await query(asked)
      #expect(try found.result?["points"]?.array?.map { $0["id"]?.int } == [3], "\(found.text)")
      let recommended = try await query(
        #"{"query":{"recommend":{"positive":[{"text":"abcdefghi","model":"bytes"}],"strategy":"best_score"}},"limit":1}"#
      )
      #expect(try recommended.result?["points"]?.array?.map { $0["id"]?.int } == [9], "\(recommended.text)")
      let other = try await query(#"{"query":{"text":"abc","model":"another"},"limit":1}"#)
      #expect(
        other.status == 400 && other.text.contains("said to be of the model 'another'"), "\(other.text)")
    }
  }
}
