import MoultServer
import MoultServerTesting
import Testing

/// The rules that hold for every route of Milvus' REST protocol, one by one.
@Suite("Milvus REST: rules that hold everywhere")
struct RESTRulesTests {
  /// Routes with the fields that they cannot do without.
  private static let routes: [(path: String, fields: [(name: String, value: String)])] = [
    ("aliases/list", []), ("aliases/describe", [alias]), ("aliases/create", [collection, alias]),
    ("aliases/alter", [collection, alias]), ("aliases/drop", [alias]), ("collections/list", []),
    ("collections/has", [collection]), ("collections/describe", [collection]),
    ("collections/get_stats", [collection]), ("collections/get_load_state", [collection]),
    ("collections/create", [collection, ("dimension", "2")]), ("collections/drop", [collection]),
    ("collections/rename", [collection, ("newCollectionName", #""b""#)]),
    ("collections/load", [collection]), ("collections/release", [collection]),
    ("collections/refresh_load", [collection]), ("collections/flush", [collection]),
    ("collections/truncate", [collection]), ("collections/compact", [collection]),
    ("indexes/list", [collection]), ("indexes/describe", [collection, ("indexName", #""vector""#)]),
    ("indexes/drop", [collection, ("indexName", #""vector""#)]),
    ("entities/insert", [collection, ("data", "[]")]), ("entities/upsert", [collection, ("data", "[]")]),
    ("entities/delete", [collection, ("filter", #""id > 1""#)]), ("entities/get", [collection, ("id", "1")]),
    ("entities/query", [collection]), ("entities/search", [collection]),
    ("entities/hybrid_search", [collection, ("search", "[]")]),
    ("entities/advanced_search", [collection, ("search", "[]")]),
  ]
  private static let collection = (name: "collectionName", value: #""none""#)
  private static let alias = (name: "aliasName", value: #""nobody""#)

  private static func body(_ fields: [(name: String, value: String)], _ more: String = "") -> String {
    let members = fields.map { "\"\($0.name)\":\($0.value)" } + (more.isEmpty ? [] : [more])
    return "{\(members.joined(separator: ","))}"
  }

  private func expect(
    _ code: Int64, _ server: ServerHarness, _ path: String, _ body: String
  ) async throws {
    let answer = try await server.milvus(path, body)
    #expect(try answer.json["code"] == .int(code), "\(path) \(body): \(answer.text)")
  }

  @Test("no body is 1801, null is an empty request, anything but an object 1801")
  func bodies() async throws {
    try await withMilvus { server in
      for (path, fields) in Self.routes {
        for body in ["", "{", "[]", "7", #""x""#, "true"] {
          try await expect(1801, server, path, body)
        }
        let expected: Int64 = fields.isEmpty ? 0 : 1802
        try await expect(expected, server, path, "null")
        try await expect(expected, server, path, "{}")
      }
    }
  }

  @Test("types come first (1801), then what is missing (1802), then the database (800)")
  func order() async throws {
    try await withMilvus { server in
      for (path, fields) in Self.routes {
        try await expect(1801, server, path, Self.body(fields, #""dbName":7"#))
        try await expect(800, server, path, Self.body(fields, #""dbName":"elsewhere""#))
        guard let first = fields.first else { continue }
        try await expect(1801, server, path, Self.body([(first.name, "[7]")], #""dbName":"elsewhere""#))
        try await expect(1802, server, path, Self.body(Array(fields.dropFirst()), #""dbName":"elsewhere""#))
        for field in fields {
          let others = fields.filter { $0.name != field.name } + [(field.name, "null")]
          try await expect(1802, server, path, Self.body(others))
        }
      }
    }
  }

  @Test("names are matched in any case, the last of several counts, unknown ones are passed over")
  func names() async throws {
    try await withMilvus { server in
      for (path, fields) in Self.routes {
        let plain = try await server.milvus(path, Self.body(fields)).text
        let shouted = fields.map { (name: $0.name.uppercased(), value: $0.value) }
        #expect(try await server.milvus(path, Self.body(shouted)).text == plain, "\(path)")
        let whispered = fields.map { (name: $0.name.lowercased(), value: $0.value) }
        #expect(
          try await server.milvus(path, Self.body(whispered, #""whatever":[1,{"a":null}]"#)).text == plain,
          "\(path)")
      }
      try await server.makeLine()
      let search =
        #"{"COLLECTIONNAME":"none","collectionname":"line","Data":[[0,0]],"LIMIT":9,"limit":2,"SearchParams":{"Params":{"RADIUS":0.5}}}"#
      #expect(try await server.success("entities/search", search).array?.count == 1)
      let hybrid =
        #"{"collectionName":"line","SEARCH":[{"DATA":[[0,0]],"AnnsField":"vector","Limit":3}],"Rerank":{"STRATEGY":"weighted","PARAMS":{"Weights":[1],"NORM_SCORE":false}}}"#
      #expect(
        try await server.success("entities/hybrid_search", hybrid).array?.compactMap {
          $0["distance"]?.double
        }
          == [0, 1, 4])
    }
  }

  @Test("every answer is HTTP 200 with JSON and Milvus' headers, whatever the code")
  func envelope() async throws {
    try await withMilvus { server in
      for (path, fields) in Self.routes {
        for body in [Self.body(fields), "", "{}"] {
          let answer = try await server.milvus(path, body)
          #expect(answer.header("content-type")?.hasPrefix("application/json") == true, "\(path)")
          #expect(answer.header("access-control-allow-origin") == "*", "\(path)")
          let json = try answer.json
          let isSuccess = json["code"] == .int(0)
          // Without a result it is {}, and lists are never null.
          #expect(isSuccess == (json["data"] != nil && json["data"] != .null), "\(path) \(answer.text)")
          #expect(isSuccess || json["message"]?.string?.isEmpty == false, "\(path) \(answer.text)")
        }
      }
    }
  }

  @Test("without the token every route is HTTP 401 and 1800, also with a body that is none")
  func unauthenticated() async throws {
    try await withMilvus(token: "root:Milvus") { server in
      for (path, _) in Self.routes {
        for body in ["{}", ""] {
          let answer = try await server.post(
            "/v2/vectordb/\(path)", body, headers: [("Authorization", "Bearer root:wrong")])
          #expect(answer.status == 401, "\(path)")
          #expect(answer.text == #"{"code":1800,"message":"user hasn't authenticated"}"#)
        }
      }
    }
  }

  @Test("the content type of a request plays no role")
  func contentType() async throws {
    try await withMilvus { server in
      for type in ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=utf-8"] {
        let answer = try await server.milvus("aliases/list", "{}", headers: [("Content-Type", type)])
        #expect(answer.text == #"{"code":0,"data":[]}"#)
      }
    }
  }

  @Test("int64 is text on demand, in keys, fields, counts and groups; in requests it may be text")
  func int64() async throws {
    try await withMilvus { server in
      try await server.success(
        "collections/create",
        """
        {"collectionName":"wide","schema":{"enableDynamicField":true,"fields":[
          {"fieldName":"id","dataType":"Int64","isPrimary":true},
          {"fieldName":"vector","dataType":"FloatVector","elementTypeParams":{"dim":"2"}},
          {"fieldName":"big","dataType":"Int64","nullable":true},{"fieldName":"small","dataType":"Int32"}]},
        "indexParams":[{"fieldName":"vector","metricType":"L2","indexType":"FLAT"}]}
        """)
      let rows = """
        [{"id":"9007199254740993","vector":[0,0],"big":"-9007199254740993","small":7,"free":9007199254740993},
        {"id":2,"vector":[1,0],"big":5,"small":7},{"id":3,"vector":[2,0],"big":null,"small":7}]
        """
      try await server.success("entities/insert", #"{"collectionName":"wide","data":\#(rows)}"#)
      try await server.success(
        "entities/upsert", #"{"collectionName":"wide","partialUpdate":true,"data":[{"id":"2","big":"6"}]}"#)
      let queries = [
        ("entities/query", #""filter":"id > 0","outputFields":["big","small","free"]"#),
        ("entities/get", #""id":["9007199254740993",2,"3"],"outputFields":["big","small","free"]"#),
        ("entities/search", #""data":[[0,0]],"outputFields":["big","small","free"]"#),
        ("entities/hybrid_search", #""search":[{"data":[[0,0]]}],"outputFields":["big","small","free"]"#),
      ]
      for (path, more) in queries {
        let body = #"{"collectionName":"wide",\#(more)}"#
        for (header, isText) in [(nil, false), ("true", false), ("false", true)] as [(String?, Bool)] {
          let answer = try await server.milvus(
            path, body, headers: header.map { [("Accept-Type-Allow-Int64", $0)] } ?? [])
          let row = try #require(
            try answer.json["data"]?.array?.first {
              $0["id"] == .int(9_007_199_254_740_993) || $0["id"] == .string("9007199254740993")
            }, "\(answer.text)")
          #expect(row["id"] == (isText ? .string("9007199254740993") : .int(9_007_199_254_740_993)))
          #expect(row["big"] == (isText ? .string("-9007199254740993") : .int(-9_007_199_254_740_993)))
          #expect(row["small"] == .int(7) && row["free"] == .int(9_007_199_254_740_993))
          #expect(
            answer.text.contains(isText ? #""big":"6""# : #""big":6"#) && answer.text.contains(#""big":null"#)
          )
        }
      }
      let count = try await server.milvus(
        "entities/query", #"{"collectionName":"wide","outputFields":["count(*)"]}"#,
        headers: [("Accept-Type-Allow-Int64", "false")])
      #expect(count.text.contains(#"[{"count(*)":"3"}]"#))
      // Text is for int64 only.
      try await server.failure(
        1804, "entities/insert", #"{"collectionName":"wide","data":[{"id":5,"vector":[0,0],"small":"7"}]}"#)
      try await server.failure(
        1804, "entities/insert",
        #"{"collectionName":"wide","data":[{"id":5,"vector":[0,0],"small":7,"big":"x"}]}"#)
    }
  }
}
