import MoultEngine
import MoultModel
import MoultServer
import MoultServerTesting
import MoultTesting
import Testing

@testable import MoultQdrant

@Suite("What requests say is what is kept, over Qdrant's protocol")
struct ReviewedTranslationTests {
  @Test("below excluded names all is plain JSON, also what is called like a vector")
  func excludedNames() throws {
    let keys = JSONFloatKeys(["vector"], except: ["payload"])
    let text =
      #"{"Payload":{"vector":[16777217],"a":[{"vector":[1e300]}]},"vector":[1],"b":{"vector":[2]}}"#
    let value = try JSONReader.parse(text, floatKeys: keys)
    #expect(value["Payload"]?["vector"] == .array([.int(16_777_217)]))
    #expect(value["Payload"]?["a"]?.array?.first?["vector"] == .array([.double(1e300)]))
    #expect(value["vector"] == .floats([1]))
    #expect(value["b"]?["vector"] == .floats([2]))
  }

  @Test("payloads keep their numbers under names of vectors")
  func payloadNumbers() async throws {
    try await withQdrant { server in
      let root = "/collections/c/points"
      _ = try await server.put(
        "/collections/c", #"{"vectors":{"any":{"size":2,"distance":"Dot"},"b":{"size":2,"distance":"Dot"}}}"#)
      let payload = #"{"vector":[16777217,123456789],"b":[1e+300,16777217]}"#
      let columns =
        #"{"batch":{"ids":[1,2,3,4],"vectors":{"any":[[1,2],[1,2],[1,2],[1,2]]},"payloads":[\#(payload),{},{},{}]}}"#
      #expect(try await server.put(root, columns).status == 200)
      #expect(
        try await server.post(root + "/payload", #"{"points":[2],"payload":\#(payload)}"#).status == 200)
      #expect(try await server.put(root + "/payload", #"{"points":[3],"payload":\#(payload)}"#).status == 200)
      #expect(
        try await server.post(
          root + "/batch", #"{"operations":[{"set_payload":{"points":[4],"payload":\#(payload)}}]}"#
        ).status == 200)
      for id in 1...4 {
        let point = try await server.get(root + "/\(id)")
        let kept = try point.result?["payload"]
        #expect(kept?["vector"] == .array([.int(16_777_217), .int(123_456_789)]), "\(point.text)")
        #expect(kept?["b"] == .array([.double(1e300), .int(16_777_217)]), "\(point.text)")
        #expect(try point.result?["vector"]?["any"]?.floats == [1, 2], "\(point.text)")
      }
    }
  }

  @Test("filters keep their numbers where a vector is called like a member of theirs")
  func filterNumbers() async throws {
    try await withQdrant { server in
      _ = try await server.put("/collections/c", #"{"vectors":{"any":{"size":1,"distance":"Dot"}}}"#)
      let point = #"{"points":[{"id":1,"vector":{"any":[1]},"payload":{"n":16777217}}]}"#
      #expect(try await server.put("/collections/c/points", point).status == 200)
      let filter = #"{"filter":{"must":[{"key":"n","match":{"any":[16777217]}}]}}"#
      let deleted = try await server.post("/collections/c/points/delete", filter)
      #expect(deleted.status == 200, "\(deleted.text)")
      #expect(try await server.post("/collections/c/points/count", "{}").result?["count"] == .int(0))
    }
  }

  @Test("points of a collection that another protocol has defined are not written")
  func foreignPoints() async throws {
    try await withQdrant { server in
      _ = try await server.engine.createCollection(
        "plain",
        schema: CollectionSchema(dimension: 2, metric: .squaredEuclidean, annotations: #"{"fields":[]}"#))
      let payload = #"{"$sparse:kept":"AAAA","a":1}"#
      _ = try await server.engine.write(
        PointBatch(ids: [.int64(1)], vectors: [3, 4], dimension: 2, payloads: [payload]), to: "plain",
        mode: .upsert)
      let root = "/collections/plain/points"
      let answers = [
        try await server.put(root, #"{"points":[{"id":1,"vector":[0,0]}]}"#),
        try await server.post(root + "/payload", #"{"points":[1],"payload":{"a":2}}"#),
        try await server.put(root + "/payload", #"{"points":[1],"payload":{"a":2}}"#),
        try await server.post(root + "/payload/delete", #"{"points":[1],"keys":["a"]}"#),
        try await server.post(root + "/payload/clear", #"{"points":[1]}"#),
      ]
      for answer in answers {
        #expect(answer.status == 400)
        #expect(try answer.failure?.contains("another protocol") == true, "\(answer.text)")
      }
      let point = try await server.get(root + "/1")
      #expect(try point.result?["payload"]?["a"] == .int(1), "\(point.text)")
      #expect(try point.result?["vector"]?.floats == [3, 4], "\(point.text)")
    }
  }

  @Test("indexes on keys that filters cannot name are refused; one from before counts nothing")
  func unnameableKeys() async throws {
    try await withQdrant { server in
      _ = try await server.put("/collections/c", #"{"vectors":{"size":2,"distance":"Dot"}}"#)
      for key in [#"\"\""#, #"\"a\\b\""#, #"\"a\u0001\""#, #"a[].\"\""#] {
        let answer = try await server.put(
          "/collections/c/index", #"{"field_name":"\#(key)","field_schema":"keyword"}"#)
        #expect(answer.status == 400, "\(key)")
      }
      let nameable = try await server.put(
        "/collections/c/index", #"{"field_name":"a.\"b c\"","field_schema":"keyword"}"#)
      #expect(nameable.status == 200, "\(nameable.text)")
      #expect(try await server.get("/collections/c").status == 200)
      try await server.engine.annotate("c") { info in
        var definition = try QdrantDefinition(of: info)
        definition.payloadIndexes.append(.init(field: "\"\"", schema: .string("keyword")))
        return definition.annotations
      }
      let info = try await server.get("/collections/c")
      #expect(info.status == 200, "\(info.text)")
      #expect(try info.result?["payload_schema"]?["\"\""]?["points"] == .int(0), "\(info.text)")
    }
  }

  @Test(
    "vectors hold finite numbers, whatever they are rounded to", arguments: QdrantDefinition.Datatype.allCases
  )
  func finiteNumbers(datatype: QdrantDefinition.Datatype) throws {
    let vector = QdrantDefinition.Vector(
      name: "", field: "vector", size: 2, distance: .dot, datatype: datatype, given: [:])
    for number in [Float.nan, Float.infinity, -Float.infinity] {
      #expect(throws: QdrantError.self) {
        try PointVectors.dense(.floats([number, 1]), vector, at: "vector")
      }
    }
    #expect(try PointVectors.dense(.floats([2, 1]), vector, at: "vector") == [2, 1])
  }

  @Test("rows of multivectors hold numbers that are finite in the type that they are stored in")
  func finiteRows() throws {
    let vector = QdrantDefinition.MultiVector(
      name: "", part: 0, size: 2, distance: .dot, datatype: .float16, given: [:])
    for number in [Float(100_000), -100_000, .nan, .infinity] {
      #expect(throws: QdrantError.self) {
        try PointVectors.multi(.floats([number, 1]), vector, at: "vector")
      }
    }
    #expect(try PointVectors.multi(.floats([65_504, 1]), vector, at: "vector").values == [65_504, 1])
  }

  @Test("columns of vectors that are not there are refused before rows are made of them")
  func unknownColumns() async throws {
    try await withQdrant { server in
      _ = try await server.put("/collections/c", #"{"vectors":{"a":{"size":1,"distance":"Dot"}}}"#)
      let answer = try await server.put(
        "/collections/c/points", #"{"batch":{"ids":[1],"vectors":{"a":[[1]],"x":[null]}}}"#)
      #expect(answer.status == 400)
      #expect(try answer.failure?.contains("Not existing vector name error: x") == true, "\(answer.text)")
    }
  }
}
