import MoultEngine
import MoultModel
import MoultServer
import MoultServerTesting
import MoultTesting
import Testing

@testable import MoultQdrant

@Suite("Collections over Qdrant's protocol")
struct CollectionTests {
  @Test("a definition is read as it was written")
  func definitions() throws {
    var definition = QdrantDefinition(isNamed: true)
    let given: JSONObject = ["size": .int(3), "distance": .string("Manhattan"), "on_disk": .bool(true)]
    definition.vectors = [try #require(QdrantDefinition.Vector(name: "a-b", field: "a_x2Db", given: given))]
    definition.sparseVectors = [
      .init(name: "w", member: "$sparse:4", given: ["index": .object(["on_disk": .bool(false)])])
    ]
    definition.sparseVectorsMade = 5
    definition.settings = ["metadata": .object(["large": .large(.max), "text": .string("\"\\")])]
    definition.payloadIndexes = [.init(field: "a.b[]", schema: .object(["type": .string("text")]))]
    let form = GenerationInfo(
      id: 1, state: .live, specification: EncodingSpecification(), bytesPerVector: 4, createdAt: 0,
      publishedAt: nil, report: nil)
    let schema = CollectionSchema(dimension: 1, vectorField: "_none", annotations: definition.annotations)
    var info = CollectionInfo(
      name: "c", id: 1, schema: schema, count: 0, aliases: [], generation: form, previousGeneration: nil,
      createdAt: 0, updatedAt: 0, ready: true,
      fields: [
        VectorFieldInfo(
          name: "a_x2Db", dimension: 3, metric: .squaredEuclidean, elementType: .float32, count: 0,
          generation: form, previousGeneration: nil)
      ])
    #expect(try QdrantDefinition(of: info) == definition)
    // Others have dropped it.
    info.fields = []
    #expect(try QdrantDefinition(of: info).vectors.isEmpty)
    #expect(definition.annotations.hasPrefix(QdrantDefinition.mark))
  }

  @Test("collections of another protocol are there, and are not redefined")
  func foreign() async throws {
    try await withQdrant { server in
      _ = try await server.engine.createCollection(
        "plain",
        schema: CollectionSchema(dimension: 2, metric: .squaredEuclidean, annotations: #"{"fields":[]}"#))
      _ = try await server.engine.write(
        PointBatch(ids: [.int64(-5)], vectors: [3, 4], dimension: 2), to: "plain", mode: .upsert)
      let info = try await server.get("/collections/plain").result
      #expect(info?["config"]?["params"]?["vectors"]?["distance"] == .string("Euclid"))
      let hits = try await server.post("/collections/plain/points/query", #"{"query":[0,0]}"#).result?[
        "points"]?.array
      #expect(hits?.first?["id"] == .int(-5) && hits?.first?["score"]?.double == 5)
      #expect(
        try await server.put("/collections/plain/index", #"{"field_name":"a","field_schema":"keyword"}"#)
          .status == 400)
      #expect(try await server.put("/collections/plain/vectors/v", #"{"sparse":{}}"#).status == 400)
    }
  }

  @Test("everything is there after a restart")
  func restart() async throws {
    let directory = TemporaryDirectory()
    try await withQdrant(directory: directory) { (server) async throws in
      let body =
        #"{"vectors":{"a":{"size":2,"distance":"Cosine"}},"sparse_vectors":{"w":{}},"metadata":{"m":1}}"#
      let made = try await server.put("/collections/my-words", body)
      #expect(made.status == 200)
      let points = #"""
        {"points":[{"id":18446744073709551615,"vector":{"a":[3,4],"w":{"indices":[7,2],"values":[1,0.5]}},"payload":{"x": 1.0}},
        {"id":"550e8400-e29b-41d4-a716-446655440000","vector":{}}]}
        """#
      #expect(try await server.put("/collections/my-words/points?wait=true", points).status == 200)
      let alias = #"{"actions":[{"create_alias":{"collection_name":"my-words","alias_name":"now!"}}]}"#
      #expect(try await server.post("/collections/aliases", alias).status == 200)
    }
    try await withQdrant(directory: directory) { (server) async throws in
      let page = try await server.post("/collections/now!/points/scroll", #"{"with_vector":true}"#)
      #expect(
        page.text.contains(
          #""points":[{"id":18446744073709551615,"payload":{"x":1.0},"vector":{"a":[0.6,0.8],"w":{"indices":[2,7],"values":[0.5,1.0]}}}"#
        ),
        "\(page.text)")
      #expect(
        page.text.contains(#"{"id":"550e8400-e29b-41d4-a716-446655440000","payload":{},"vector":{}}"#),
        "\(page.text)")
      #expect(try await server.get("/collections/my-words").result?["config"]?["metadata"]?["m"] == .int(1))
    }
  }

  @Test("an alias batch says what moved, and moves nothing when it finds another target than expected")
  func aliases() async throws {
    try await withQdrant { server in
      for name in ["blue", "green"] {
        _ = try await server.put("/collections/\(name)", #"{"vectors":{"size":2,"distance":"Dot"}}"#)
      }
      func move(_ to: String, expect: String? = nil) async throws -> ServerHarness.Answer {
        let expected = expect.map { ",\"expect\":\"\($0)\"" } ?? ""
        return try await server.post(
          "/collections/aliases",
          #"{"actions":[{"create_alias":{"collection_name":"\#(to)","alias_name":"live"\#(expected)}}]}"#)
      }
      #expect(try await move("blue").status == 200)
      let moved = try await move("green", expect: "blue")
      #expect(
        try moved.json["changes"]
          == .array([
            .object(["alias_name": .string("live"), "before": .string("blue"), "after": .string("green")])
          ]))
      #expect(try await move("blue", expect: "blue").status == 409)
      #expect(
        try await server.get("/aliases").result?["aliases"]
          == .array([.object(["alias_name": .string("live"), "collection_name": .string("green")])]))
    }
  }

  @Test("a payload edit is one write: a reader sees all of it or nothing")
  func oneWrite() async throws {
    try await withQdrant { server in
      _ = try await server.put("/collections/c", #"{"vectors":{"size":2,"distance":"Dot"}}"#)
      let points = (0..<200).map { #"{"id":\#($0),"vector":[1,\#($0)],"payload":{"round":0}}"# }
      _ = try await server.put("/collections/c/points", #"{"points":[\#(points.joined(separator: ","))]}"#)
      try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask {
          for round in 1...10 {
            let edit = try await server.post(
              "/collections/c/points/payload", #"{"payload":{"round":\#(round)},"filter":{"must":[]}}"#)
            #expect(edit.status == 200)
          }
        }
        group.addTask {
          for _ in 0..<20 {
            let page =
              try await server.post("/collections/c/points/scroll", #"{"limit":1000}"#).result?["points"]?
              .array ?? []
            #expect(page.count == 200)
            #expect(Set(page.compactMap { $0["payload"]?["round"]?.int }).count == 1)
          }
        }
        try await group.waitForAll()
      }
      #expect(
        try await server.post("/collections/c/points", #"{"ids":[7],"with_vector":true}"#).result?.array?
          .first?["vector"]
          == .array([.double(1), .double(7)]))
    }
  }
}
