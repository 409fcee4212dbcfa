import MoultEngine
import MoultModel
import MoultServer
import MoultServerTesting
import Testing

/// Texts in place of vectors, for a dense field whose model is known.
@Suite("Texts searched for in dense fields")
struct TextQueryTests {
  /// A text of n bytes is n on the first axis.
  private struct Model: TextEmbedding {
    var identity: String { "bytes" }

    func embed(_ texts: [String]) async throws -> EmbeddingAnswer {
      if texts.contains("away") { throw EmbeddingFailure.passing("it is away") }
      return EmbeddingAnswer(outcomes: texts.map { .vector([Float($0.utf8.count), 0.5]) }, tokens: nil)
    }
  }

  private struct Models: EmbedderSource {
    func check(_ embedder: Embedder) throws {}
    func open(_ embedder: Embedder) throws -> any TextEmbedding { Model() }
  }

  @Test("the collection's model makes their vectors, over names and aliases; without one they are refused")
  func texts() async throws {
    try await withMilvus { server in
      try await server.makeCollection("words")
      try await server.success(
        "entities/insert",
        #"{"collectionName":"words","data":[{"id":1,"vector":[1,0.5]},{"id":3,"vector":[3,0.5]}]}"#)
      try await server.success("aliases/create", #"{"collectionName":"words","aliasName":"live"}"#)
      let search = #","data":["abc","a"],"limit":1}"#
      let refused = try await server.failure(
        1100, "entities/search", #"{"collectionName":"words"\#(search)"#)
      #expect(refused.contains("moult embedder bind"), "\(refused)")

      server.engine.callEmbedders(with: Models())
      try await server.engine.addEmbedder(
        Embedder(name: "bytes", url: "http://localhost/v1/embeddings", model: "bytes", dimension: 2))
      try await server.engine.setEmbedder("bytes", of: "words")
      for name in ["words", "live"] {
        let answer = try await server.milvus("entities/search", #"{"collectionName":"\#(name)"\#(search)"#)
        let hits = try answer.json["data"]?.array
        #expect(hits?.compactMap { $0["id"]?.int } == [3, 1], "\(answer.text)")
        #expect(hits?.allSatisfy { $0["distance"]?.double == 0 } == true, "\(answer.text)")
      }
      let away = try await server.milvus(
        "entities/search", #"{"collectionName":"words","data":["away"],"limit":1}"#)
      #expect(try away.json["code"] != .int(0) && away.text.contains("could not be asked"), "\(away.text)")
      // Vectors need no model, and the two are not mixed.
      try await server.success("entities/search", #"{"collectionName":"words","data":[[1,0]],"limit":1}"#)
      let mixed = try await server.milvus(
        "entities/search", #"{"collectionName":"words","data":["a",[1,0]],"limit":1}"#)
      #expect(try mixed.json["code"] != .int(0))
    }
  }
}
