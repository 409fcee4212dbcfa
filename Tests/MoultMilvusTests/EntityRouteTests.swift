import MoultServer
import MoultServerTesting
import Testing

@Suite("Milvus REST: entities")
struct EntityRouteTests {
  @Test("insert, upsert, get and delete in the forms of Milvus")
  func lifecycle() async throws {
    try await withMilvus { server in
      try await server.makeCollection("a")
      let inserted = try await server.milvus(
        "entities/insert",
        #"{"collectionName":"a","data":[{"id":7,"vector":[1,2],"n":1.50},{"id":"8","vector":[3,4]}]}"#)
      #expect(inserted.text == #"{"code":0,"cost":0,"data":{"insertCount":2,"insertIds":[7,8]}}"#)
      #expect(inserted.header("moult-collection") == "a")
      let upserted = try await server.milvus(
        "entities/upsert", #"{"collectionName":"a","data":[{"id":7,"vector":[5,6],"m":{"k":[1, 2]}}]}"#)
      #expect(upserted.text == #"{"code":0,"cost":0,"data":{"upsertCount":1,"upsertIds":[7]}}"#)

      let all = try await server.milvus("entities/get", #"{"collectionName":"a","id":[8,7,99]}"#)
      #expect(
        all.text
          == #"{"code":0,"cost":0,"data":[{"id":8,"vector":[3.0,4.0]},{"id":7,"m":{"k":[1, 2]},"vector":[5.0,6.0]}]}"#
      )
      let some = try await server.milvus(
        "entities/get", #"{"collectionName":"a","id":"7","outputFields":["m","none"]}"#)
      #expect(some.text == #"{"code":0,"cost":0,"data":[{"id":7,"m":{"k":[1, 2]}}]}"#)
      let none = try await server.milvus("entities/get", #"{"collectionName":"a","id":99}"#)
      #expect(none.text == #"{"code":0,"cost":0,"data":[]}"#)

      let deleted = try await server.milvus(
        "entities/delete", #"{"collectionName":"a","filter":"id in [7, 99]"}"#)
      #expect(deleted.text == #"{"code":0,"cost":0,"data":{"deleteCount":1}}"#)
      #expect(
        try await server.success("collections/get_stats", #"{"collectionName":"a"}"#)["rowCount"] == .int(1))
    }
  }

  @Test("int64 is text for clients that ask for it, payload is not touched")
  func int64AsText() async throws {
    try await withMilvus { server in
      try await server.makeCollection("a")
      let asked = [("Accept-Type-Allow-Int64", "false")]
      let inserted = try await server.milvus(
        "entities/insert",
        #"{"collectionName":"a","data":[{"id":9007199254740993,"vector":[1,2],"n":9007199254740993}]}"#,
        headers: asked)
      #expect(inserted.text.contains(#""insertIds":["9007199254740993"]"#))
      let got = try await server.milvus(
        "entities/get", #"{"collectionName":"a","id":9007199254740993}"#, headers: asked)
      #expect(got.text.contains(#""id":"9007199254740993","n":9007199254740993"#))
      let found = try await server.milvus(
        "entities/search", #"{"collectionName":"a","data":[[1,2]]}"#, headers: asked)
      #expect(found.text.contains(#""id":"9007199254740993""#))
      let plain = try await server.milvus(
        "entities/get", #"{"collectionName":"a","id":9007199254740993}"#,
        headers: [("Accept-Type-Allow-Int64", "true")])
      #expect(plain.text.contains(#""id":9007199254740993"#))
    }
  }

  @Test("string keys and keys that the server gives out")
  func keys() async throws {
    try await withMilvus { server in
      try await server.makeCollection(
        "s", #","idType":"VarChar","primaryFieldName":"key","vectorFieldName":"v""#)
      let inserted = try await server.success(
        "entities/insert", #"{"collectionName":"s","data":[{"key":"it's","v":[1,2]},{"key":"b","v":[1,2]}]}"#)
      #expect(inserted["insertIds"] == .array([.string("it's"), .string("b")]))
      #expect(
        try await server.success("entities/get", #"{"collectionName":"s","id":["b"],"outputFields":["v"]}"#)
          == .array([.object(["key": .string("b"), "v": .array([.double(1), .double(2)])])]))
      let deleted = try await server.success(
        "entities/delete", #"{"collectionName":"s","filter":"key in ['it\\'s', \"b\"]"}"#)
      #expect(deleted["deleteCount"] == .int(2))

      try await server.makeCollection("auto", #","autoID":true"#)
      let given = try await server.success(
        "entities/insert", #"{"collectionName":"auto","data":[{"vector":[1,2]}]}"#)
      #expect(given["insertIds"]?.array?.count == 1)
      let message = try await server.failure(
        1804, "entities/insert", #"{"collectionName":"auto","data":[{"id":1,"vector":[1,2]}]}"#)
      #expect(message.contains("set primary key but autoID == true"))
    }
  }

  @Test(
    "rows that do not fit are 1804 with row and field; nothing is written",
    arguments: [
      ("", "empty"), (#"{"id":1}"#, "'vector' is missing"), (#"{"vector":[1,2]}"#, "'id' is missing"),
      (#"{"id":1,"vector":[1,2,3]}"#, "[]float32 size 3 doesn't equal to vector dimension 2 of FloatVector"),
      (#"{"id":1,"vector":[]}"#, "size 0"), (#"{"id":1,"vector":"x"}"#, "an array of numbers, got a string"),
      (#"{"id":1,"vector":[1,null]}"#, "an array of numbers"), (#"{"id":1.5,"vector":[1,2]}"#, "'id'"),
      (#"{"id":"x","vector":[1,2]}"#, "expected Int64, got a string"),
      (#"{"id":null,"vector":[1,2]}"#, "'id' is missing"), (#"{"id":1,"vector":[1,2],"$meta":{}}"#, "$meta"),
      (#"{"id":1,"vector":[1,2]},{"id":2,"vector":[1]}"#, "row 1"),
    ])
  func badRows(rows: String, says: String) async throws {
    try await withMilvus { server in
      try await server.makeLine()
      for action in ["insert", "upsert"] {
        let message = try await server.failure(
          1804, "entities/\(action)", #"{"collectionName":"line","data":[\#(rows)]}"#)
        #expect(message.hasPrefix("fail to deal the insert data, error: "))
        #expect(message.contains(says), "\(message)")
      }
      #expect(
        try await server.success("collections/get_stats", #"{"collectionName":"line"}"#)["rowCount"]
          == .int(4))
    }
  }

  @Test("an insert of a stored id replaces it; an id that stands twice is 1100, other partitions 200")
  func refused() async throws {
    try await withMilvus { server in
      try await server.makeLine()
      let row = #"{"id":1,"vector":[1,2]}"#
      let before = try await server.success("collections/get_stats", #"{"collectionName":"line"}"#)
      try await server.success("entities/insert", #"{"collectionName":"line","data":[\#(row)]}"#)
      #expect(try await server.success("collections/get_stats", #"{"collectionName":"line"}"#) == before)
      let twice = try await server.failure(
        1100, "entities/upsert", #"{"collectionName":"line","data":[\#(row),\#(row)]}"#)
      #expect(twice.contains("1"))
      let partition = try await server.failure(
        200, "entities/insert", #"{"collectionName":"line","data":[\#(row)],"partitionName":"p"}"#)
      #expect(partition == "partition not found[partition=p]")
      try await server.failure(
        200, "entities/get", #"{"collectionName":"line","id":1,"partitionNames":["p"]}"#)
      try await server.success(
        "entities/upsert", #"{"collectionName":"line","data":[\#(row)],"partitionName":"_default"}"#)
      try await server.failure(
        1100, "entities/upsert",
        #"{"collectionName":"line","data":[\#(row),\#(row)],"partialUpdate":true}"#)
    }
  }

  @Test("keys of the wrong type are 1806", arguments: [#""x""#, "1.5", "{}", "[1,true]"])
  func badKeys(id: String) async throws {
    try await withMilvus { server in
      try await server.makeLine()
      let message = try await server.failure(1806, "entities/get", #"{"collectionName":"line","id":\#(id)}"#)
      #expect(message.hasPrefix("please check the primary key"))
    }
  }

  @Test(
    "deletes go by any condition",
    arguments: [
      ("word == 'one'", 1), ("id > 1", 3), ("id in [1, 9] or word like 't%'", 2),
      ("id in [2] and id != 2", 0),
    ])
  func deleteByCondition(filter: String, count: Int64) async throws {
    try await withMilvus { server in
      try await server.makeLine()
      let deleted = try await server.success(
        "entities/delete", #"{"collectionName":"line","filter":"\#(filter)"}"#)
      #expect(deleted["deleteCount"] == .int(count))
      let left = try await server.success(
        "entities/query", #"{"collectionName":"line","filter":"","outputFields":["count(*)"]}"#)
      #expect(left == .array([.object(["count(*)": .int(4 - count)])]))
    }
  }

  @Test("a query gives rows by key, with limit and offset, and counts")
  func query() async throws {
    try await withMilvus { server in
      try await server.makeLine()
      func ids(_ more: String) async throws -> [Int64] {
        try await server.success("entities/query", #"{"collectionName":"line",\#(more)}"#).array?
          .compactMap { $0["id"]?.int } ?? []
      }
      #expect(try await ids(#""filter":"id >= 2","outputFields":["id"]"#) == [2, 3, 4])
      #expect(try await ids(#""filter":"id >= 2","limit":1,"offset":1"#) == [3])
      #expect(try await ids(#""filter":"not (word == 'one')""#) == [2])
      #expect(try await ids(#""filter":"id in {keys}","exprParams":{"keys":[4,1]}"#) == [1, 4])
      #expect(try await ids(#""filter":"big == 9007199254740993""#) == [2])
      let count = try await server.success(
        "entities/query", #"{"collectionName":"line","filter":"id > 1","outputFields":["count(*)"]}"#)
      #expect(count == .array([.object(["count(*)": .int(3)])]))
    }
  }

  @Test(
    "filters that are not understood delete nothing",
    arguments: ["id + id == 2", "id in [x]", "not id > 3", "text_match(tags, 'x')", ""])
  func deleteFilters(filter: String) async throws {
    try await withMilvus { server in
      try await server.makeLine()
      let body = #"{"collectionName":"line","filter":"\#(filter)"}"#
      let message = try await server.failure(filter.isEmpty ? 1802 : 1100, "entities/delete", body)
      if !filter.isEmpty {
        #expect(message.hasPrefix("failed to create query plan: cannot parse expression: \(filter), error: "))
        #expect(message.contains("at byte "))
      }
      #expect(
        try await server.success("collections/get_stats", #"{"collectionName":"line"}"#)["rowCount"]
          == .int(4))
    }
  }
}
