import Foundation
import Logging
import MoultEngine
import MoultModel
import MoultServer
import MoultServerTesting
import MoultTesting
import Testing

@testable import MoultMilvus

@Suite("Milvus REST: partitions")
struct PartitionRouteTests {
  @Test(
    "law: a payload has the member exactly between being put in and taken out",
    arguments: ["", "{}", "{ }", #"{"a":1}"#, " {\n\"a\":{\"b\":[1, 2.50]}, \"ü\":\"}\" } "])
  func member(payload: String) throws {
    let put = PartitionField.add("p-1", to: payload)
    let object = try #require(try JSONReader.parse(put).object)
    #expect(object[PartitionField.name] == .string("p-1"))
    let before = payload.isEmpty ? JSON.object([:]) : try JSONReader.parse(payload)
    let removed = PartitionField.removed(from: put)
    #expect((removed.isEmpty ? .object([:]) : try JSONReader.parse(removed)) == before)
    #expect(PartitionField.add("_default", to: payload) == payload)
    #expect(PartitionField.removed(from: payload) == payload)
  }

  private static func withParts(_ body: @Sendable @escaping (ServerHarness) async throws -> Void) async throws
  {
    try await withMilvus { server in
      try await server.makeCollection("c")
      for name in ["a", "b-1"] {
        try await server.success("partitions/create", #"{"collectionName":"c","partitionName":"\#(name)"}"#)
      }
      for (id, partition) in [(1, ""), (2, "a"), (3, "a"), (4, "b-1"), (5, "_default")] {
        try await server.success(
          "entities/insert",
          #"{"collectionName":"c","partitionName":"\#(partition)","data":[{"id":\#(id),"vector":[\#(id),0],"w":\#(id)}]}"#
        )
      }
      try await body(server)
    }
  }

  private static func ids(_ server: ServerHarness, _ more: String) async throws -> [Int64] {
    let rows = try await server.success(
      "entities/query", #"{"collectionName":"c","filter":"id > 0","outputFields":["id"]\#(more)}"#)
    return rows.array?.compactMap { $0["id"]?.int } ?? []
  }

  @Test("reads see the partitions that they name, and all without; nobody sees where a point keeps its own")
  func reads() async throws {
    try await Self.withParts { server in
      let cases: [(String, [Int64])] = [
        ("[]", [1, 2, 3, 4, 5]), (#"["a"]"#, [2, 3]), (#"["_default"]"#, [1, 5]),
        (#"["a","b-1"]"#, [2, 3, 4]),
        (#"["_default","b-1"]"#, [1, 4, 5]),
      ]
      for (names, expected) in cases {
        #expect(try await Self.ids(server, #","partitionNames":\#(names)"#) == expected, "\(names)")
        let hits = try await server.success(
          "entities/search", #"{"collectionName":"c","data":[[0,0]],"limit":9,"partitionNames":\#(names)}"#)
        #expect(hits.array?.compactMap { $0["id"]?.int } == expected, "\(names)")
        let counted = try await server.success(
          "entities/query",
          #"{"collectionName":"c","filter":"","outputFields":["count(*)"],"partitionNames":\#(names)}"#)
        #expect(counted.array?.first?["count(*)"] == .int(Int64(expected.count)), "\(names)")
        let got = try await server.success(
          "entities/get",
          #"{"collectionName":"c","id":[5,3,1],"outputFields":["id"],"partitionNames":\#(names)}"#)
        #expect(
          Set(got.array?.compactMap { $0["id"]?.int } ?? []) == Set(expected).intersection([1, 3, 5]),
          "\(names)")
      }
      let row = try await server.success(
        "entities/get", #"{"collectionName":"c","id":2,"outputFields":["*"]}"#)
      #expect(
        row == (try JSONReader.parse(#"[{"id":2,"w":2,"vector":[2.0,0.0]}]"#))
          || row.array?.first?.object?.members.count == 3)
      let asked = try await server.success(
        "entities/get", #"{"collectionName":"c","id":2,"outputFields":["$partition"]}"#)
      #expect(asked == (try JSONReader.parse(#"[{"id":2}]"#)))
    }
  }

  @Test("an unknown partition is 200 everywhere, and changes nothing")
  func unknown() async throws {
    try await Self.withParts { server in
      let name = #""collectionName":"c","partitionName":"x","partitionNames":["x"]"#
      for (path, more) in [
        ("entities/insert", #""data":[{"id":9,"vector":[0,0]}]"#),
        ("entities/upsert", #""data":[{"id":9,"vector":[0,0]}]"#),
        ("entities/delete", #""filter":"id > 0""#), ("entities/query", #""filter":"id > 0""#),
        ("entities/search", #""data":[[0,0]]"#), ("entities/get", #""id":1"#),
        ("partitions/get_stats", #""a":1"#),
        ("partitions/load", #""a":1"#), ("partitions/release", #""a":1"#),
      ] {
        let message = try await server.failure(200, path, "{\(name),\(more)}")
        #expect(message == "partition not found[partition=x]", "\(path)")
      }
      #expect(try await Self.ids(server, "") == [1, 2, 3, 4, 5])
      // The member is not a client's to write.
      for field in ["$partition", "$meta"] {
        try await server.failure(
          1804, "entities/insert", #"{"collectionName":"c","data":[{"id":9,"vector":[0,0],"\#(field)":"a"}]}"#
        )
      }
    }
  }

  @Test("deleting, moving and updating points of partitions")
  func writes() async throws {
    try await Self.withParts { server in
      try await server.success(
        "entities/delete", #"{"collectionName":"c","filter":"id in [1, 2]","partitionName":"a"}"#)
      #expect(try await Self.ids(server, "") == [1, 3, 4, 5])
      // A partial update leaves a point where it is, unless it says where to.
      try await server.success(
        "entities/upsert", #"{"collectionName":"c","data":[{"id":3,"w":30}],"partialUpdate":true}"#)
      #expect(try await Self.ids(server, #","partitionNames":["a"]"#) == [3])
      try await server.success(
        "entities/upsert",
        #"{"collectionName":"c","data":[{"id":3,"w":31}],"partialUpdate":true,"partitionName":"b-1"}"#)
      #expect(try await Self.ids(server, #","partitionNames":["b-1"]"#) == [3, 4])
      try await server.success(
        "entities/upsert",
        #"{"collectionName":"c","data":[{"id":3,"w":32}],"partialUpdate":true,"partitionName":"_default"}"#)
      #expect(try await Self.ids(server, #","partitionNames":["_default"]"#) == [1, 3, 5])
      let row = try await server.success(
        "entities/get", #"{"collectionName":"c","id":3,"outputFields":["w"]}"#)
      #expect(row == (try JSONReader.parse(#"[{"id":3,"w":32}]"#)))
    }
  }

  @Test("a dropped partition takes its points along; one that is loaded stays, and so does the default one")
  func drop() async throws {
    try await Self.withParts { server in
      let names = #"{"collectionName":"c","partitionName":"a"}"#
      #expect(try await server.success("partitions/get_stats", names)["rowCount"] == .int(2))
      #expect(try await server.failure(65535, "partitions/drop", names).contains("please release it first"))
      try await server.success("partitions/release", #"{"collectionName":"c","partitionNames":["a"]}"#)
      // What is released is passed over, and refused when it is named.
      #expect(try await Self.ids(server, "") == [1, 4, 5])
      #expect(
        try await server.failure(
          201, "entities/query", #"{"collectionName":"c","filter":"id > 0","partitionNames":["a"]}"#)
          == "partition not loaded[partition=a]")
      try await server.success("partitions/drop", names)
      try await server.success("partitions/drop", names)
      #expect(
        try await server.success("partitions/list", #"{"collectionName":"c"}"#)
          == .array([.string("_default"), .string("b-1")]))
      #expect(try await server.success("partitions/has", names)["has"] == .bool(false))
      #expect(
        try await server.success("collections/get_stats", #"{"collectionName":"c"}"#)["rowCount"] == .int(3))
      // A new one of that name is empty.
      try await server.success("partitions/create", names)
      #expect(try await server.success("partitions/get_stats", names)["rowCount"] == .int(0))
      #expect(
        try await server.failure(
          65535, "partitions/drop", #"{"collectionName":"c","partitionName":"_default"}"#)
          == "default partition cannot be deleted")
      for name in ["", "a b", "-a", String(repeating: "x", count: 256)] {
        let body = #"{"collectionName":"c","partitionName":"\#(name)"}"#
        try await server.failure(name.isEmpty ? 1802 : 1100, "partitions/create", body)
      }
    }
  }

  @Test("a partition that an import writes into is not dropped, and none is imported into one that goes")
  func importing() async throws {
    let temporary = TemporaryDirectory()
    // Without the engine's services no job ever begins.
    let engine = try await Engine.open(
      EngineConfiguration(dataDirectory: temporary.path + "/data"), logger: Logger(label: "test"))
    let files = temporary.path + "/files"
    try FileManager.default.createDirectory(atPath: files, withIntermediateDirectories: true)
    try Data(#"{"rows":[{"id":1,"vector":[0,0]}]}"#.utf8).write(to: URL(fileURLWithPath: files + "/a.json"))
    let operations = MilvusAPI(engine: engine, importDirectory: files).operations
    try await engine.createCollection(
      "c", schema: CollectionSchema(dimension: 2, metric: .squaredEuclidean), specification: .init())
    try await operations.createPartition("p", of: "c")
    try await operations.setLoaded(partitions: ["p"], of: "c", false)

    let job = try await operations.startImport([["a.json"]], into: "c", partition: "p")
    await #expect { try await operations.dropPartition("p", of: "c") } throws: {
      ($0 as? MilvusError)?.message.contains("an import job writes into it") == true
    }
    // It is as it was: imports into it are taken.
    let other = try await operations.startImport([["a.json"]], into: "c", partition: "p")
    for id in [job, other] { _ = try await engine.cancelJob(id) }
    try await operations.dropPartition("p", of: "c")
    await #expect { _ = try await operations.startImport([["a.json"]], into: "c", partition: "p") } throws: {
      ($0 as? MilvusError)?.code == 200
    }
    await engine.close()
  }

  @Test("partitions are loaded and released one by one, and with their collection")
  func loading() async throws {
    try await Self.withParts { server in
      func state(_ more: String) async throws -> String? {
        try await server.success("collections/get_load_state", #"{"collectionName":"c"\#(more)}"#)[
          "loadState"]?.string
      }
      try await server.success("collections/release", #"{"collectionName":"c"}"#)
      try await server.success("partitions/load", #"{"collectionName":"c","partitionNames":["a"]}"#)
      let (whole, a, b) = (
        try await state(""), try await state(#","partitionNames":["a"]"#),
        try await state(#","partitionNames":["b-1"]"#)
      )
      #expect(whole == "LoadStateLoaded" && a == "LoadStateLoaded" && b == "LoadStateNotLoad")
      #expect(try await Self.ids(server, "") == [2, 3])
      try await server.success("partitions/release", #"{"collectionName":"c","partitionNames":["a"]}"#)
      let released = try await state("")
      #expect(released == "LoadStateNotLoad")
      try await server.success("collections/load", #"{"collectionName":"c"}"#)
      #expect(try await Self.ids(server, "") == [1, 2, 3, 4, 5])
    }
  }

  @Test("a field that divides the collection is described, and then no partition is named")
  func key() async throws {
    try await withMilvus { server in
      let field = { (name: String, more: String) in
        #"{"fieldName":"\#(name)","dataType":"Int64"\#(more)}"#
      }
      let schema = { (fields: String, params: String) in
        """
        {"collectionName":"k","schema":{"fields":[\(field("id", #","isPrimary":true"#)),\(fields),
        {"fieldName":"v","dataType":"FloatVector","elementTypeParams":{"dim":2}}]},"params":{\(params)}}
        """
      }
      let two = field("x", #","isPartitionKey":true"#) + "," + field("y", #","isPartitionKey":true"#)
      #expect(
        try await server.failure(1100, "collections/create", schema(two, "")).contains(
          "more than one partition key"))
      #expect(
        try await server.failure(1100, "collections/create", schema(field("x", ""), #""partitionsNum":8"#))
          .contains("partition key field enabled"))
      try await server.success(
        "collections/create", schema(field("x", #","isPartitionKey":true"#), #""partitionsNum":8"#))
      let described = try await server.success("collections/describe", #"{"collectionName":"k"}"#)
      #expect(described["partitionsNum"] == .int(8))
      #expect(described["fields"]?.array?[1]["partitionKey"] == .bool(true))
      #expect(
        try await server.failure(1100, "partitions/create", #"{"collectionName":"k","partitionName":"a"}"#)
          .contains("partition key mode"))
      let row = #""collectionName":"k","data":[{"id":1,"x":7,"v":[0,0]}]"#
      try await server.failure(1100, "entities/insert", #"{\#(row),"partitionName":"_default"}"#)
      try await server.success("entities/insert", "{\(row)}")
    }
  }
}
