import MoultServer
import MoultServerTesting
import Testing

@Suite("Milvus REST: envelope and checks")
struct EnvelopeTests {
  @Test(
    "what is no JSON object of the right types is 1801",
    arguments: [
      ("aliases/list", ""), ("aliases/list", "{"), ("aliases/list", "[]"), ("aliases/list", "7"),
      ("aliases/list", #"{"collectionName":7}"#), ("aliases/list", #"{"dbName":[]}"#),
      ("aliases/create", #"{"collectionName":"a","aliasName":true}"#),
      ("collections/create", #"{"collectionName":"a","dimension":"4"}"#),
      ("collections/create", #"{"collectionName":"a","dimension":4.5}"#),
      ("collections/create", #"{"collectionName":"a","dimension":4,"autoID":1}"#),
      ("collections/create", #"{"collectionName":"a","dimension":4,"schema":{"enableDynamicField":1}}"#),
      ("entities/insert", #"{"collectionName":"a","data":{"id":1}}"#),
      ("entities/insert", #"{"collectionName":"a","data":[1]}"#),
      ("entities/search", #"{"collectionName":"a","data":[0.1,0.2]}"#),
      ("entities/search", #"{"collectionName":"a","data":[[1]],"limit":"3"}"#),
      ("entities/search", #"{"collectionName":"a","data":[[1]],"outputFields":"*"}"#),
      ("entities/get", #"{"collectionName":"a","id":1,"outputFields":[1]}"#),
      ("entities/delete", #"{"collectionName":"a","filter":["id in [1]"]}"#),
    ])
  func badFormat(path: String, body: String) async throws {
    try await withMilvus { server in
      let message = try await server.failure(1801, path, body)
      #expect(message.hasPrefix("can only accept json format request, error: "))
    }
  }

  @Test(
    "what is missing is 1802, with its name",
    arguments: [
      ("aliases/create", "{}", ["CollectionName", "AliasName"]), ("aliases/create", "null", ["AliasName"]),
      ("aliases/create", #"{"collectionName":"a"}"#, ["AliasName"]),
      ("aliases/create", #"{"collectionName":"","aliasName":"b"}"#, ["CollectionName"]),
      ("aliases/create", #"{"collectionName":null,"aliasName":"b"}"#, ["CollectionName"]),
      ("aliases/alter", #"{"aliasName":"b"}"#, ["CollectionName"]), ("aliases/drop", "{}", ["AliasName"]),
      ("aliases/describe", "{}", ["AliasName"]), ("collections/create", "{}", ["CollectionName"]),
      ("collections/create", #"{"collectionName":"a"}"#, ["dimension"]),
      ("collections/drop", "{}", ["CollectionName"]), ("collections/has", "{}", ["CollectionName"]),
      ("collections/describe", "{}", ["CollectionName"]), ("collections/get_stats", "{}", ["CollectionName"]),
      ("collections/load", "{}", ["CollectionName"]),
      ("entities/insert", #"{"collectionName":"a"}"#, ["Data"]),
      ("entities/upsert", "{}", ["CollectionName", "Data"]),
      ("entities/delete", #"{"collectionName":"a"}"#, ["Filter"]),
      ("entities/delete", #"{"collectionName":"a","ids":[1]}"#, ["Filter"]),
      ("entities/get", #"{"collectionName":"a"}"#, ["Id"]),
    ])
  func missing(path: String, body: String, names: [String]) async throws {
    try await withMilvus { server in
      let message = try await server.failure(1802, path, body)
      #expect(message.hasPrefix("missing required parameters, error: "))
      for name in names { #expect(message.contains(name), "\(message)") }
    }
  }

  @Test("types come before required fields, those before the database, that before the operation")
  func order() async throws {
    try await withMilvus { server in
      try await server.failure(1801, "aliases/create", #"{"aliasName":7,"dbName":"other"}"#)
      try await server.failure(1801, "aliases/create", #"{"aliasName":"a","dbName":7}"#)
      try await server.failure(1802, "aliases/create", #"{"aliasName":"a","dbName":"other"}"#)
      let message = try await server.failure(
        800, "aliases/create", #"{"aliasName":"a","collectionName":"none","dbName":"other"}"#)
      #expect(message == "database not found[database=other]")
      try await server.failure(
        100, "aliases/create", #"{"aliasName":"a","collectionName":"none","dbName":"default"}"#)
      let header = try await server.milvus("aliases/list", "{}", headers: [("DB-Name", "other")])
      #expect(try header.json["code"] == .int(800))
      let both = try await server.milvus(
        "aliases/list", #"{"dbName":"default"}"#, headers: [("DB-Name", "other")])
      #expect(both.text == #"{"code":0,"data":[]}"#)
    }
  }

  @Test("names are matched without regard to case, unknown ones are passed over, types are strict")
  func names() async throws {
    try await withMilvus { server in
      try await server.success(
        "collections/create", #"{"COLLECTIONNAME":"a","Dimension":2,"autoId":true,"whatever":[1,2]}"#)
      let info = try await server.success("collections/describe", #"{"collectionname":"a"}"#)
      #expect(info["autoId"] == .bool(true))
      try await server.success("aliases/create", #"{"collectionName":"a","aliasname":"b"}"#)
      #expect(try await server.success("collections/list", "null") == .array([.string("a")]))
    }
  }

  @Test("without the token everything is HTTP 401 and 1800")
  func authentication() async throws {
    try await withMilvus(token: "root:Milvus") { server in
      for header in ["", "Bearer root:wrong", "Bearer root", "Basic cm9vdDp3cm9uZw=="] {
        let answer = try await server.post(
          "/v2/vectordb/aliases/list", "{}", headers: [("Authorization", header)])
        #expect(answer.status == 401)
        #expect(answer.text == #"{"code":1800,"message":"user hasn't authenticated"}"#)
        #expect(answer.header("access-control-allow-origin") == "*")
      }
      let basic = try await server.post(
        "/v2/vectordb/aliases/list", "{}", headers: [("Authorization", "Basic cm9vdDpNaWx2dXM=")])
      #expect(basic.text == #"{"code":0,"data":[]}"#)
    }
  }

  @Test("browsers are answered: OPTIONS with 204, CORS headers everywhere")
  func crossOrigin() async throws {
    try await withMilvus(token: "root:Milvus") { server in
      let options = try await server.send(
        .options, "/v2/vectordb/entities/search", headers: [("Authorization", "")])
      #expect(options.status == 204)
      for answer in [options, try await server.milvus("aliases/list", "{}")] {
        #expect(answer.header("access-control-allow-origin") == "*")
        #expect(answer.header("access-control-allow-methods") == "POST, OPTIONS, GET, PUT")
        #expect(answer.header("access-control-allow-headers")?.contains("Authorization") == true)
      }
    }
  }

  @Test("unknown routes are a plain 404")
  func unknownRoutes() async throws {
    try await withMilvus { server in
      for path in ["/v2/vectordb/aliases/rename", "/v2/vectordb", "/v2/vectordb/nothing/at/all"] {
        let answer = try await server.post(path, "{}")
        #expect(answer.status == 404)
        #expect(answer.text == "404 page not found")
      }
      #expect(try await server.get("/v2/vectordb/aliases/list").status == 404)
    }
  }

  @Test("a body that is too large is HTTP 413 with a code")
  func tooLarge() async throws {
    try await withMilvus(bodyBytesMax: 1000) { server in
      let answer = try await server.post("/v2/vectordb/aliases/list", String(repeating: " ", count: 1001))
      #expect(answer.status == 413)
      #expect(try answer.json["code"] == .int(1102))
    }
  }

  @Test("hostile nesting is refused and the server lives")
  func nesting() async throws {
    try await withMilvus { server in
      try await server.failure(1801, "entities/search", String(repeating: #"{"a":"#, count: 100_000))
      try await server.failure(1801, "entities/insert", #"{"data":"# + String(repeating: "[", count: 100_000))
      #expect(try await server.success("aliases/list", "{}") == .array([]))
    }
  }
}
