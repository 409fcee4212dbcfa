import MoultServer
import MoultServerTesting
import Testing

@Suite("Milvus REST: collections")
struct CollectionRouteTests {
  @Test("the quick form makes a collection that is described as Milvus does")
  func quickForm() async throws {
    try await withMilvus { server in
      try await server.success(
        "collections/create", #"{"collectionName":"quick","dimension":5,"description":"d"}"#)
      let answer = try await server.milvus("collections/describe", #"{"collectionName":"quick"}"#)
      let info = try #require(try answer.json["data"])
      #expect(try answer.json["message"] == .string(""))
      #expect(answer.header("moult-collection") == "quick")
      #expect(info["autoId"] == .bool(false))
      #expect(info["enableDynamicField"] == .bool(true))
      #expect(info["load"] == .string("LoadStateLoaded"))
      #expect(info["description"] == .string("d"))
      #expect((info["collectionID"]?.int ?? 0) > 0)
      let fields = try #require(info["fields"]?.array)
      #expect(fields.map { $0["name"]?.string } == ["id", "vector"])
      #expect(fields.map { $0["id"]?.int } == [100, 101])
      #expect(fields.map { $0["type"]?.string } == ["Int64", "FloatVector"])
      #expect(fields.map { $0["primaryKey"]?.bool } == [true, false])
      #expect(fields[1]["params"] == .array([.object(["key": .string("dim"), "value": .string("5")])]))
      #expect(
        info["indexes"]
          == .array([
            .object([
              "fieldName": .string("vector"), "indexName": .string("vector"), "metricType": .string("COSINE"),
            ])
          ]))
      let state = try await server.milvus("collections/get_load_state", #"{"collectionName":"quick"}"#)
      #expect(
        state.text == #"{"code":0,"data":{"loadProgress":100,"loadState":"LoadStateLoaded"},"message":""}"#)
    }
  }

  @Test("names, key type and metric are taken from the request")
  func options() async throws {
    try await withMilvus { server in
      try await server.success(
        "collections/create",
        """
        {"collectionName":"own","dimension":3,"metricType":"IP","idType":"VarChar","primaryFieldName":"key",
         "vectorFieldName":"embedding","params":{"max_length":64,"consistencyLevel":"Strong"}}
        """)
      let info = try await server.success("collections/describe", #"{"collectionName":"own"}"#)
      let fields = try #require(info["fields"]?.array)
      #expect(fields.map { $0["name"]?.string } == ["key", "embedding"])
      #expect(fields[0]["type"] == .string("VarChar"))
      #expect(info["indexes"]?.array?.first?["metricType"] == .string("IP"))
    }
  }

  @Test("the same create again is 0, another one 1100")
  func again() async throws {
    try await withMilvus { server in
      let body = #"{"collectionName":"a","dimension":2}"#
      try await server.success("collections/create", body)
      try await server.success("collections/create", body)
      let message = try await server.failure(
        1100, "collections/create", #"{"collectionName":"a","dimension":3}"#)
      #expect(
        message == "create duplicate collection with different parameters, collection: a: invalid parameter")
    }
  }

  @Test("a schema of one key, one vector and dynamic fields is taken")
  func schemaForm() async throws {
    try await withMilvus { server in
      try await server.success(
        "collections/create",
        """
        {"collectionName":"s","schema":{"autoId":false,"enableDynamicField":true,"fields":[
          {"fieldName":"pk","dataType":"VarChar","isPrimary":true,"elementTypeParams":{"max_length":"100"}},
          {"fieldName":"emb","dataType":"FloatVector","elementTypeParams":{"dim":"4"}}]},
         "indexParams":[{"fieldName":"emb","metricType":"L2","indexName":"emb","indexType":"AUTOINDEX"}]}
        """)
      let info = try await server.success("collections/describe", #"{"collectionName":"s"}"#)
      #expect(info["fields"]?.array?.map { $0["name"]?.string } == ["pk", "emb"])
      #expect(info["indexes"]?.array?.first?["metricType"] == .string("L2"))
    }
  }

  @Test(
    "what cannot be kept is refused, never passed over",
    arguments: [
      (#""dimension":2,"metricType":"HAMMING""#, "HAMMING"),
      (#""dimension":2,"idType":"Float""#, "idType can only be [Int64, VarChar]"),
      (#""dimension":40000"#, "40000"), (#""dimension":-1"#, "-1"),
      (#""dimension":2,"vectorFieldType":"BinaryVector""#, "binary vector dimension should be multiple of 8"),
      (#""dimension":8,"vectorFieldType":"BinaryVector","metricType":"COSINE""#, "COSINE"),
      (#""vectorFieldType":"SparseFloatVector","metricType":"L2""#, "only IP&BM25"),
      (#""vectorFieldType":"SparseFloatVector","metricType":"BM25""#, "only BM25 Function output"),
      (#""dimension":8,"vectorFieldType":"VarChar""#, "VarChar"),
      (#""dimension":2,"vectorFieldName":"id""#, "duplicated field name"),
      (#""dimension":2,"primaryFieldName":"a b""#, "a b"),
      (#""dimension":2,"params":{"enableDynamicField":false}"#, "enableDynamicField"),
      (#""dimension":2,"params":{"ttlSeconds":60}"#, "ttlSeconds"),
      (#""schema":{"fields":[{"fieldName":"a","dataType":"Int64","isPrimary":true}]}"#, "vector field"),
      (
        #""schema":{"fields":[{"fieldName":"a","dataType":"VarChar","isPrimary":true},{"fieldName":"v","dataType":"FloatVector","elementTypeParams":{"dim":2}}]}"#,
        "max_length"
      ),
      (
        #""schema":{"fields":[{"fieldName":"a","dataType":"Int64","isPrimary":true},{"fieldName":"v","dataType":"FloatVector","elementTypeParams":{"dim":8}},{"fieldName":"g","dataType":"Geometry"}]}"#,
        "Geometry"
      ),
      (
        #""schema":{"fields":[{"fieldName":"a","dataType":"Int64","isPrimary":true},{"fieldName":"v","dataType":"BinaryVector","elementTypeParams":{"dim":12}}]}"#,
        "binary vector dimension should be multiple of 8"
      ),
      (
        #""schema":{"fields":[{"fieldName":"a","dataType":"Int64","isPrimary":true},{"fieldName":"v","dataType":"SparseFloatVector","elementTypeParams":{"dim":12}}]}"#,
        "dim should not be specified for sparse vector field v"
      ),
      (
        #""schema":{"fields":[{"fieldName":"a","dataType":"Int64","isPrimary":true},{"fieldName":"_placeholder_vector","dataType":"SparseFloatVector"}]}"#,
        "is taken by Moult"
      ),
      (
        #""schema":{"enableDynamicField":true,"fields":[{"fieldName":"a","dataType":"Int64","isPrimary":true}]}"#,
        "vector field"
      ),
      (
        #""schema":{"enableDynamicField":true,"fields":[{"fieldName":"a","dataType":"FloatVector","elementTypeParams":{"dim":2}}]}"#,
        "primary key"
      ),
      (
        #""schema":{"enableDynamicField":true,"fields":[{"fieldName":"a","dataType":"Int64","isPrimary":true},{"fieldName":"b","dataType":"JSON"}]}"#,
        "vector field"
      ),
    ])
  func refused(body: String, says: String) async throws {
    try await withMilvus { server in
      let message = try await server.failure(1100, "collections/create", #"{"collectionName":"a",\#(body)}"#)
      #expect(message.contains(says), "\(message)")
      #expect(message.contains("invalid parameter"))
      #expect(try await server.success("collections/list", "{}") == .array([]))
    }
  }

  @Test("a bad name is refused in Milvus' words")
  func badName() async throws {
    try await withMilvus { server in
      let message = try await server.failure(
        1100, "collections/create", #"{"collectionName":"12-s","dimension":2}"#)
      #expect(
        message
          == "Invalid collection name: 12-s. the first character of a collection name must be an underscore or letter: invalid parameter"
      )
    }
  }

  @Test("unknown collections: drop is 0, has is false, all others are 100")
  func unknown() async throws {
    try await withMilvus { server in
      let body = #"{"collectionName":"none"}"#
      #expect(try await server.success("collections/drop", body) == .object([:]))
      #expect(try await server.success("collections/has", body)["has"] == .bool(false))
      for action in ["describe", "get_stats", "load", "release", "flush", "get_load_state"] {
        #expect(
          try await server.failure(100, "collections/\(action)", body)
            == "can't find collection[database=default][collection=none]")
      }
      let rows = #"{"collectionName":"none","data":[{"id":1,"vector":[1]}],"id":1,"filter":"id == 1"}"#
      for action in ["insert", "upsert", "delete", "get"] {
        try await server.failure(100, "entities/\(action)", rows)
      }
      try await server.failure(100, "entities/search", #"{"collectionName":"none","data":[[1]]}"#)
    }
  }

  @Test("list, statistics and drop")
  func lifecycle() async throws {
    try await withMilvus { server in
      try await server.makeLine("b")
      try await server.makeCollection("a")
      #expect(try await server.success("collections/list", "{}") == .array([.string("a"), .string("b")]))
      #expect(
        try await server.success("collections/get_stats", #"{"collectionName":"b"}"#)["rowCount"] == .int(4))
      try await server.success("collections/drop", #"{"collectionName":"b"}"#)
      #expect(try await server.success("collections/list", "{}") == .array([.string("a")]))
    }
  }
}
