import MoultServer
import MoultServerTesting
import Testing

@testable import MoultQdrant

@Suite("Qdrant's envelope, codes and texts")
struct EnvelopeTests {
  @Test("success and failure have their form")
  func form() async throws {
    try await withQdrant { server in
      let made = try await server.put("/collections/c", #"{"vectors":{"size":2,"distance":"Dot"}}"#)
      #expect(made.status == 200)
      let json = try made.json
      #expect(json.object?.members.map(\.key) == ["result", "status", "time"])
      #expect(json["result"] == .bool(true) && json["status"] == .string("ok") && json["time"]?.double != nil)

      let absent = try await server.get("/collections/absent")
      #expect(absent.status == 404)
      #expect(try absent.json.object?.members.map(\.key) == ["status", "time"])
      #expect(try absent.failure == "Not found: Collection `absent` doesn't exist!")
    }
  }

  @Test(
    "bad input is told what is wrong with it",
    arguments: [
      ("PUT", "/collections/c", #"{"vectors":{"size":2,"distance":"Dot"}}"#, 409, "already exists!"),
      ("PUT", "/collections/a:b", #"{"vectors":{"size":2,"distance":"Dot"}}"#, 422, "cannot contain"),
      ("PUT", "/collections/d", #"{"vectors":{"size":0,"distance":"Dot"}}"#, 422, "vectors.size"),
      ("PUT", "/collections/d", #"{"vectors":{"size":2,"distance":"Dott"}}"#, 400, "unknown variant `Dott`"),
      (
        "PUT", "/collections/d", #"{"vectors":{"size":2,"distance":"Dot","datatype":"turbo3"}}"#, 400,
        "turbo3"
      ),
      (
        "PUT", "/collections/d",
        #"{"vectors":{"size":2,"distance":"Dot","multivector_config":{"comparator":"min_sim"}}}"#,
        400, "max_sim"
      ),
      ("PUT", "/collections/d", #"{"sparse_vectors":{"w":{"modifier":"tf"}}}"#, 400, "idf"),
      ("PUT", "/collections/d", #"{"quantization_config":{"scalar":{"type":"int4"}}}"#, 400, "int8"),
      ("PUT", "/collections/c/points", "", 400, "Format error in JSON body"),
      ("PUT", "/collections/c/points", "{", 400, "Format error in JSON body"),
      ("PUT", "/collections/c/points", #"{"points":[]}"#, 400, "Empty update request"),
      ("PUT", "/collections/c/points", #"{"points":[{"id":1,"vector":[1]}]}"#, 400, "expected dim: 2, got 1"),
      ("PUT", "/collections/c/points", #"{"points":[{"id":1,"vector":[1,null]}]}"#, 400, "vector"),
      (
        "PUT", "/collections/c/points", #"{"points":[{"id":1,"vector":{"x":[1,2]}}]}"#, 400,
        "Not existing vector name error: x"
      ),
      (
        "PUT", "/collections/c/points", #"{"points":[{"id":-1,"vector":[1,2]}]}"#, 400, "not a valid point ID"
      ),
      (
        "PUT", "/collections/c/points", #"{"points":[{"id":1,"vector":[1,2],"payload":{"$sparse:0":1}}]}"#,
        400, "$sparse:"
      ),
      ("POST", "/collections/c/points/query", #"{"query":[1,2,3]}"#, 400, "expected dim: 2, got 3"),
      (
        "POST", "/collections/c/points/query", #"{"query":[1,2],"using":"x"}"#, 400,
        "Not existing vector name error: x"
      ),
      ("POST", "/collections/c/points/scroll", #"{"limit":0}"#, 422, "limit"),
      ("POST", "/collections/c/facet", #"{"key":"k"}"#, 400, "Index required"),
      (
        "POST", "/collections/c/points/payload", #"{"payload":{"a":1},"points":[9]}"#, 404,
        "No point with id 9 found"
      ),
      ("GET", "/collections/c/points/9", "", 404, "Point with id 9"),
      ("GET", "/collections/c/points/nine", "", 400, "as point id"),
      (
        "POST", "/collections/aliases",
        #"{"actions":[{"create_alias":{"collection_name":"x","alias_name":"y"}}]}"#, 404, "`x` doesn't exist"
      ),
      (
        "POST", "/collections/aliases",
        #"{"actions":[{"create_alias":{"collection_name":"c","alias_name":"c"}}]}"#, 409, "already exists"
      ),
      (
        "POST", "/collections/aliases",
        #"{"actions":[{"rename_alias":{"old_alias_name":"x","new_alias_name":"y"}}]}"#, 404, "does not exists"
      ),
      ("POST", "/collections/aliases", #"{"actions":[{"make":{}}]}"#, 400, "create_alias"),
    ] as [(String, String, String, Int, String)])
  func badInput(method: String, path: String, body: String, status: Int, text: String) async throws {
    try await withQdrant { server in
      _ = try await server.put("/collections/c", #"{"vectors":{"size":2,"distance":"Dot"}}"#)
      let answer = try await server.send(
        try #require(ServerHarness.Method(rawValue: method)), path,
        body.isEmpty && method == "GET" ? nil : Array(body.utf8))
      #expect(answer.status == status, "\(answer.text)")
      #expect(try answer.failure?.contains(text) == true, "\(answer.text)")
      #expect(try await server.get("/collections/d/exists").result?["exists"] == .bool(false))
      #expect(try await server.post("/collections/c/points/count", "{}").result?["count"] == .int(0))
    }
  }

  @Test("a body beyond the limit is refused with 400, and the connection lives on")
  func tooLarge() async throws {
    try await withQdrant(bodyBytesMax: 1_000) { server in
      let answer = try await server.put("/collections/c", String(repeating: " ", count: 2_000))
      #expect(answer.status == 400)
      #expect(try await server.get("/collections").status == 200)
    }
  }

  @Test("keys: none is needed for health, every other route asks for one, the second only reads")
  func keys() async throws {
    try await withQdrant(key: "secret", readOnlyKey: "reader") { server in
      for path in ["/", "/healthz", "/livez", "/readyz"] { #expect(try await server.get(path).status == 200) }
      for headers in [[], [("api-key", "other")], [("Authorization", "Bearer other")]] {
        let answer = try await server.get("/collections", headers: headers)
        #expect(answer.status == 401)
        #expect(answer.header("content-type")?.hasPrefix("text/plain") == true)
      }
      let body = #"{"vectors":{"size":2,"distance":"Dot"}}"#
      #expect(try await server.put("/collections/c", body, headers: [("api-key", "reader")]).status == 403)
      #expect(
        try await server.get("/collections/c/exists", headers: [("api-key", "reader")]).result?["exists"]
          == .bool(false))
      #expect(try await server.put("/collections/c", body, headers: [("api-key", "secret")]).status == 200)
      #expect(
        try await server.get("/collections/c", headers: [("Authorization", "Bearer reader")]).status == 200)
    }
  }

  @Test("nothing of the server's own port is spoken here")
  func ownPort() async throws {
    try await withQdrant { (server) async throws in
      #expect(server.port != server.ownPort)
      let own = try await server.get("/moult/v1/collections")
      #expect(own.status == 404)
      #expect(try await server.post("/v2/vectordb/collections/list", "{}").status == 404)
    }
  }
}
