import MoultServer
import MoultServerTesting
import Testing

/// Collections of sparse vectors, bits and texts through REST.
@Suite("Milvus REST: sparse vectors, bits, full text")
struct PayloadVectorRouteTests {
  private static let fields = """
    {"fieldName":"id","dataType":"Int64","isPrimary":true},
    {"fieldName":"text","dataType":"VarChar","elementTypeParams":{"max_length":100,"enable_analyzer":true,
      "analyzer_params":{"type":"standard","stop_words":["the"]}}},
    {"fieldName":"words","dataType":"SparseFloatVector"},
    {"fieldName":"sparse","dataType":"SparseFloatVector"},
    {"fieldName":"bits","dataType":"BinaryVector","elementTypeParams":{"dim":16}}
    """
  static let function =
    #"{"name":"bm25","type":"BM25","inputFieldNames":["text"],"outputFieldNames":["words"],"params":{}}"#
  private static let indexes = """
    {"fieldName":"words","metricType":"BM25","indexType":"SPARSE_INVERTED_INDEX",
      "params":{"inverted_index_algo":"DAAT_MAXSCORE","bm25_k1":1.2,"bm25_b":0.75}},
    {"fieldName":"sparse","metricType":"IP","indexType":"SPARSE_WAND","params":{"drop_ratio_build":0.1}},
    {"fieldName":"bits","metricType":"HAMMING","indexType":"BIN_IVF_FLAT","params":{"nlist":8}}
    """

  private func make(_ server: ServerHarness) async throws {
    try await server.success(
      "collections/create",
      """
      {"collectionName":"a","schema":{"enableDynamicField":true,"fields":[\(Self.fields)],
       "functions":[\(Self.function)]},"indexParams":[\(Self.indexes)]}
      """)
    try await server.success(
      "entities/insert",
      """
      {"collectionName":"a","data":[
       {"id":1,"text":"The red fox","sparse":{"1":0.5,"7":2},"bits":[1,0],"n":1},
       {"id":2,"text":"a brown dog, a fox","sparse":{"indices":[9,7],"values":[1,0.25]},"bits":"Aw4=","n":2},
       {"id":3,"text":"","sparse":{},"bits":[255,255]}]}
      """)
  }

  private func found(_ server: ServerHarness, _ search: String) async throws -> [Int64?] {
    let data = try await server.success("entities/search", #"{"collectionName":"a",\#(search)}"#)
    return data.array?.map { $0["id"]?.int } ?? []
  }

  @Test("are described as they were made; the engine's own vector is not seen")
  func described() async throws {
    try await withMilvus { server in
      try await make(server)
      let info = try await server.success("collections/describe", #"{"collectionName":"a"}"#)
      let fields = try #require(info["fields"]?.array)
      #expect(
        fields.map { $0["type"]?.string }
          == ["Int64", "VarChar", "SparseFloatVector", "SparseFloatVector", "BinaryVector"])
      #expect(fields.map { $0["isFunctionOutput"]?.bool } == [nil, nil, true, nil, nil])
      #expect(info["load"] == .string("LoadStateLoaded"))
      let function = try #require(info["functions"]?.array?.first?.object)
      #expect(
        function.members.map(\.key) == [
          "description", "id", "inputFieldNames", "name", "outputFieldNames", "params", "type",
        ])
      #expect(function["inputFieldNames"] == .array([.string("text")]))
      #expect(function["outputFieldNames"] == .array([.string("words")]))
      let index = try await server.success(
        "indexes/describe", #"{"collectionName":"a","indexName":"sparse"}"#)
      #expect(index.array?[0]["indexType"] == .string("SPARSE_WAND"))
      #expect(index.array?[0]["metricType"] == .string("IP"))
      #expect(index.array?[0]["totalRows"] == .int(3))
      #expect(index.array?[0]["indexState"] == .string("Finished"))
      let rows = try await server.milvus("entities/get", #"{"collectionName":"a","id":[1,3]}"#)
      #expect(
        rows.text
          == #"{"code":0,"cost":0,"data":[{"id":1,"text":"The red fox","sparse":{"1":0.5,"7":2.0},"bits":"AQA=","n":1},{"id":3,"text":"","sparse":{},"bits":"//8="}]}"#
      )
    }
  }

  @Test("are searched by their metrics, with filters, ranges, offsets, groups and parameters")
  func searched() async throws {
    try await withMilvus { server in
      try await make(server)
      let sparse = try await server.milvus(
        "entities/search",
        #"{"collectionName":"a","annsField":"sparse","data":[{"7":2,"9":4}],"outputFields":["sparse"],"limit":9}"#
      )
      #expect(
        sparse.text
          == #"{"code":0,"cost":0,"data":[{"distance":4.5,"id":2,"sparse":{"7":0.25,"9":1.0}},{"distance":4.0,"id":1,"sparse":{"1":0.5,"7":2.0}}],"topks":[2]}"#
      )
      let bits = try await server.milvus(
        "entities/search",
        #"{"collectionName":"a","annsField":"bits","data":[[3,0],"//8="],"limit":2,"searchParams":{"metricType":"HAMMING"}}"#
      )
      #expect(
        bits.text
          == #"{"code":0,"cost":0,"data":[{"distance":1.0,"id":1},{"distance":3.0,"id":2},{"distance":0.0,"id":3},{"distance":11.0,"id":2}],"topks":[2,2]}"#
      )
      #expect(try await found(server, #""annsField":"words","data":["RED fox"]"#) == [1, 2])
      #expect(try await found(server, #""annsField":"words","data":["the"]"#) == [])
      #expect(try await found(server, #""annsField":"words","data":["fox"],"filter":"n == 2""#) == [2])
      #expect(
        try await found(
          server,
          #""annsField":"words","data":["red fox"],"searchParams":{"metricType":"BM25","bm25_k1":0,"bm25_b":0}"#
        )
          == [1, 2])
      // The smaller half of the query is left out.
      #expect(
        try await found(
          server,
          #""annsField":"sparse","data":[{"9":4,"1":1}],"searchParams":{"params":{"drop_ratio_search":0.5}}"#)
          == [2])
      #expect(
        try await found(
          server,
          #""annsField":"sparse","data":[{"7":2,"9":4}],"searchParams":{"radius":4,"range_filter":4.5}"#)
          == [2])
      #expect(
        try await found(
          server, #""annsField":"bits","data":[[3,0]],"searchParams":{"radius":3,"range_filter":1}"#)
          == [1])
      #expect(try await found(server, #""annsField":"bits","data":[[3,0]],"limit":1,"offset":2"#) == [3])
      #expect(try await found(server, #""annsField":"bits","data":[[3,0]],"groupingField":"n""#) == [1, 2])
      #expect(try await found(server, #""annsField":"bits","ids":[3],"limit":1"#) == [3])
      #expect(try await found(server, #""annsField":"sparse","ids":[1],"limit":1"#) == [1])
    }
  }

  @Test("JACCARD is that of Milvus")
  func jaccard() async throws {
    try await withMilvus { server in
      try await server.success(
        "collections/create",
        #"{"collectionName":"a","dimension":8,"vectorFieldType":"BinaryVector","metricType":"JACCARD"}"#)
      try await server.success(
        "entities/insert", #"{"collectionName":"a","data":[{"id":1,"vector":[7]},{"id":2,"vector":[15]}]}"#)
      let answer = try await server.milvus("entities/search", #"{"collectionName":"a","data":[[3]]}"#)
      #expect(answer.text.contains(#"{"distance":0.5,"id":2}]"#), "\(answer.text)")
      #expect(answer.text.contains(#"{"distance":0.333333"#), "\(answer.text)")
      try await server.success(
        "collections/create", #"{"collectionName":"s","vectorFieldType":"SparseFloatVector"}"#)
      try await server.success(
        "entities/insert", #"{"collectionName":"s","data":[{"id":1,"vector":{"4":0.5}}]}"#)
      let sparse = try await server.milvus("entities/search", #"{"collectionName":"s","data":[{"4":2}]}"#)
      #expect(sparse.text.contains(#"[{"distance":1.0,"id":1}]"#), "\(sparse.text)")
      for name in ["a", "s"] {
        try await server.success("collections/drop", #"{"collectionName":"\#(name)"}"#)
      }
    }
  }

  @Test("a partial update keeps the others, a delete takes them out, partitions and aliases work")
  func changed() async throws {
    try await withMilvus { server in
      try await make(server)
      try await server.success(
        "entities/upsert", #"{"collectionName":"a","data":[{"id":1,"sparse":{"9":8}}],"partialUpdate":true}"#)
      #expect(try await found(server, #""annsField":"sparse","data":[{"9":1}]"#) == [1, 2])
      #expect(try await found(server, #""annsField":"words","data":["red"]"#) == [1])
      try await server.success(
        "entities/upsert",
        #"{"collectionName":"a","data":[{"id":2,"text":"red red","bits":[0,0]}],"partialUpdate":true}"#)
      #expect(try await found(server, #""annsField":"words","data":["dog"]"#) == [])
      #expect(try await found(server, #""annsField":"words","data":["red"]"#) == [2, 1])
      // A new one needs every field.
      let message = try await server.failure(
        1100, "entities/upsert", #"{"collectionName":"a","data":[{"id":9,"text":"x"}],"partialUpdate":true}"#)
      #expect(message.contains("sparse is missing"), "\(message)")
      try await server.success(
        "entities/upsert",
        #"{"collectionName":"a","data":[{"id":9,"text":"x","sparse":{"9":99},"bits":[0,0]}],"partialUpdate":true}"#
      )
      #expect(try await found(server, #""annsField":"sparse","data":[{"9":1}]"#) == [9, 1, 2])
      try await server.success("partitions/create", #"{"collectionName":"a","partitionName":"p"}"#)
      try await server.success(
        "entities/insert",
        #"{"collectionName":"a","partitionName":"p","data":[{"id":5,"text":"red","sparse":{"9":1},"bits":[0,1]}]}"#
      )
      #expect(
        try await found(server, #""annsField":"words","data":["red"],"partitionNames":["p"]"#) == [5])
      try await server.success("entities/delete", #"{"collectionName":"a","filter":"id == 5"}"#)
      #expect(
        try await found(server, #""annsField":"words","data":["red"],"partitionNames":["p"]"#) == [])
      try await server.success("aliases/create", #"{"collectionName":"a","aliasName":"b"}"#)
      let aliased = try await server.success(
        "entities/search", #"{"collectionName":"b","annsField":"words","data":["red"]}"#)
      #expect(aliased.array?.count == 2)
      try await server.success("collections/rename", #"{"collectionName":"a","newCollectionName":"c"}"#)
      let renamed = try await server.success(
        "entities/query", #"{"collectionName":"c","filter":"id == 1","outputFields":["bits"]}"#)
      #expect(renamed.array?.first?["bits"] == .string("AQA="))
    }
  }

  @Test("hybrid search brings sparse vectors, bits and texts together")
  func hybrid() async throws {
    try await withMilvus { server in
      try await make(server)
      let answer = try await server.success(
        "entities/hybrid_search",
        """
        {"collectionName":"a","limit":3,"outputFields":["text"],"rerank":{"strategy":"rrf","params":{"k":60}},
         "search":[{"annsField":"words","data":["dog"]},{"annsField":"sparse","data":[{"7":1}]},
                   {"annsField":"bits","data":[[255,255]]}]}
        """)
      // Ranks: 2 | 1, 2 | 3, 2, 1.
      #expect(answer.array?.map { $0["id"]?.int } == [2, 1, 3])
      #expect(answer.array?.first?["text"] == .string("a brown dog, a fox"))
    }
  }

  @Test(
    "bad vectors are refused, and nothing is written",
    arguments: [
      (#""sparse":{"1":-1},"bits":[0,0]"#, "negative value in sparse float vector"),
      (#""sparse":{"x":1},"bits":[0,0]"#, "invalid index in sparse float vector"),
      (#""sparse":[1,2],"bits":[0,0]"#, "expected a sparse vector"),
      (#""sparse":null,"bits":[0,0]"#, "is null"), (#""bits":[0,0]"#, "'sparse' is missing"),
      (#""sparse":{},"bits":[0]"#, "[]byte size 1 doesn't equal to vector dimension 16 of BinaryVector"),
      (#""sparse":{},"bits":[0,256]"#, "expected bytes"), (#""sparse":{},"bits":{}"#, "got an object"),
      (#""sparse":{},"bits":[0,0],"words":{"1":1}"#, "is the output of a function"),
    ])
  func badRows(row: String, says: String) async throws {
    try await withMilvus { server in
      try await make(server)
      let message = try await server.failure(
        1804, "entities/insert", #"{"collectionName":"a","data":[{"id":8,"text":"t",\#(row)}]}"#)
      #expect(message.contains(says), "\(message)")
      #expect(
        try await server.success("collections/get_stats", #"{"collectionName":"a"}"#)["rowCount"] == .int(3))
    }
  }

  @Test(
    "bad searches are refused",
    arguments: [
      (1100, #""data":["fox"]"#, "multiple anns_fields exist"),
      (
        1801, #""annsField":"words","data":[{"1":1}]"#,
        "please provide varchar/text for BM25 Function based search"
      ),
      (1801, #""annsField":"sparse","data":["fox"]"#, "expected a sparse vector"),
      (1801, #""annsField":"sparse","data":[{"1":-1}]"#, "negative value"),
      (1801, #""annsField":"bits","data":[[1]]"#, "[]byte size 1"),
      (1801, #""annsField":"bits","data":[{"1":1}]"#, "got an object"),
      (
        1100, #""annsField":"bits","data":[[1,1]],"searchParams":{"metricType":"JACCARD"}"#,
        "metric type not match"
      ),
      (1100, #""annsField":"words","data":["a"],"searchParams":{"metricType":"IP"}"#, "expected=BM25"),
      (
        1100, #""annsField":"sparse","data":[{"1":1}],"searchParams":{"drop_ratio_search":1}"#,
        "drop_ratio_search"
      ),
      (1100, #""annsField":"words","data":["a"],"searchParams":{"bm25_k1":4}"#, "bm25_k1"),
      (1100, #""annsField":"words","data":["a"],"searchParams":{"bm25_b":-1}"#, "bm25_b"),
      (
        1100, #""annsField":"words","data":["a"],"outputFields":["words"]"#,
        "not allowed to retrieve raw data of field words"
      ),
      (1100, #""annsField":"words","ids":[1]"#, "send texts"),
      (1100, #""annsField":"bits","data":[[1,1]],"groupingField":"sparse""#, "is a vector"),
      (1100, #""annsField":"bits","data":[[1,1]],"filter":"sparse == 1""#, "vector field cannot be compared"),
    ] as [(Int64, String, String)])
  func badSearches(code: Int64, search: String, says: String) async throws {
    try await withMilvus { server in
      try await make(server)
      let message = try await server.failure(code, "entities/search", #"{"collectionName":"a",\#(search)}"#)
      #expect(message.contains(says), "\(message)")
    }
  }

  @Test(
    "an index that the field cannot have is refused",
    arguments: [
      (
        "sparse", #""metricType":"IP","indexType":"HNSW""#,
        "data type SparseFloatVector can't build with this index HNSW"
      ),
      ("sparse", #""metricType":"L2""#, "only IP&BM25 is the supported metric type for sparse index"),
      ("sparse", #""metricType":"BM25""#, "only BM25 Function output field support BM25 metric type"),
      (
        "words", #""metricType":"IP""#, "index metric type of BM25 function output field must be BM25, got IP"
      ),
      ("words", #""metricType":"BM25","params":{"bm25_k1":"x"}"#, "bm25_k1"),
      ("words", #""metricType":"BM25","params":{"inverted_index_algo":"X"}"#, "inverted index algo X"),
      ("sparse", #""metricType":"IP","params":{"drop_ratio_build":1.3}"#, "drop_ratio_build"),
      ("bits", #""metricType":"SUBSTRUCTURE","indexType":"BIN_FLAT""#, "SUBSTRUCTURE"),
      ("bits", #""metricType":"COSINE""#, "binary vector index does not support metric type: COSINE"),
      ("bits", #""metricType":"HAMMING","indexType":"BIN_IVF_FLAT","params":{"nlist":0}"#, "nlist"),
      ("bits", #""metricType":"HAMMING","indexType":"NONE""#, "invalid index type: NONE"),
    ])
  func badIndexes(field: String, index: String, says: String) async throws {
    try await withMilvus { server in
      try await server.success(
        "collections/create",
        """
        {"collectionName":"a","schema":{"fields":[\(Self.fields)],"functions":[\(Self.function)]}}
        """)
      let message = try await server.failure(
        1100, "indexes/create", #"{"collectionName":"a","indexParams":[{"fieldName":"\#(field)",\#(index)}]}"#
      )
      #expect(message.contains(says), "\(message)")
      #expect(try await server.success("indexes/list", #"{"collectionName":"a"}"#) == .array([]))
    }
  }

  @Test(
    "a function that cannot be is refused",
    arguments: [
      (
        #"{"name":"f","type":"TextEmbedding","inputFieldNames":["text"],"outputFieldNames":["words"]}"#,
        "TextEmbedding"
      ),
      (
        #"{"name":"","type":"BM25","inputFieldNames":["text"],"outputFieldNames":["words"]}"#,
        "name cannot be empty"
      ),
      (
        #"{"name":"f","type":"BM25","inputFieldNames":["none"],"outputFieldNames":["words"]}"#,
        "input field not found: none"
      ),
      (
        #"{"name":"f","type":"BM25","inputFieldNames":["sparse"],"outputFieldNames":["words"]}"#,
        "must be a VARCHAR field"
      ),
      (
        #"{"name":"f","type":"BM25","inputFieldNames":[],"outputFieldNames":["words"]}"#,
        "must be a VARCHAR field"
      ),
      (
        #"{"name":"f","type":"BM25","inputFieldNames":["plain"],"outputFieldNames":["words"]}"#,
        "must set enable_analyzer to true"
      ),
      (
        #"{"name":"f","type":"BM25","inputFieldNames":["text"],"outputFieldNames":[]}"#,
        "only need 1 output field, but got 0"
      ),
      (
        #"{"name":"f","type":"BM25","inputFieldNames":["text"],"outputFieldNames":["none"]}"#,
        "output field not found: none"
      ),
      (
        #"{"name":"f","type":"BM25","inputFieldNames":["text"],"outputFieldNames":["bits"]}"#,
        "must be a SparseFloatVector field"
      ),
      (
        #"{"name":"f","type":"BM25","inputFieldNames":["text"],"outputFieldNames":["words"],"params":{"k":1}}"#,
        "accepts no params"
      ),
      (
        PayloadVectorRouteTests.function + "," + PayloadVectorRouteTests.function,
        "duplicate function name: bm25"
      ),
      (
        PayloadVectorRouteTests.function
          + #",{"name":"f","type":"BM25","inputFieldNames":["text"],"outputFieldNames":["words"]}"#,
        "duplicate function output field"
      ),
    ])
  func badFunctions(functions: String, says: String) async throws {
    try await withMilvus { server in
      let plain = #"{"fieldName":"plain","dataType":"VarChar","elementTypeParams":{"max_length":9}}"#
      let message = try await server.failure(
        1100, "collections/create",
        #"{"collectionName":"a","schema":{"fields":[\#(Self.fields),\#(plain)],"functions":[\#(functions)]}}"#
      )
      #expect(message.contains(says), "\(message)")
      #expect(try await server.success("collections/list", "{}") == .array([]))
    }
  }
}
