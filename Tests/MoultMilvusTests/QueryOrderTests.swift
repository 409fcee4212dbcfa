import MoultServer
import MoultServerTesting
import Testing

@testable import MoultMilvus

@Suite("Milvus REST: ordered queries, groups, hybrid search")
struct QueryOrderTests {
  /// Eight points with fields of their own.
  private func make(_ server: ServerHarness) async throws {
    try await server.success(
      "collections/create",
      """
      {"collectionName":"shop","schema":{"fields":[
        {"fieldName":"id","dataType":"Int64","isPrimary":true},
        {"fieldName":"vector","dataType":"FloatVector","elementTypeParams":{"dim":2}},
        {"fieldName":"kind","dataType":"VarChar","elementTypeParams":{"max_length":10}},
        {"fieldName":"price","dataType":"Int64","nullable":true},
        {"fieldName":"weight","dataType":"Double"},
        {"fieldName":"meta","dataType":"JSON"}]},
      "indexParams":[{"fieldName":"vector","metricType":"L2","indexType":"FLAT"}]}
      """)
    let rows = (1...8).map { id in
      #"{"id":\#(id),"vector":[\#(id),0],"kind":"\#(["a", "b", "c"][id % 3])","price":\#(id == 5 ? "null" : "\(100 - 10 * (id % 4))"),"weight":\#(Double(id) / 4),"meta":{}}"#
    }
    try await server.success(
      "entities/insert", #"{"collectionName":"shop","data":[\#(rows.joined(separator: ","))]}"#)
  }

  private func ids(_ server: ServerHarness, _ path: String, _ more: String) async throws -> [Int64] {
    try await server.success("entities/\(path)", #"{"collectionName":"shop",\#(more)}"#).array?
      .compactMap { $0["id"]?.int } ?? []
  }

  @Test("a query comes in the order asked for, null where SQL has it unless said")
  func order() async throws {
    try await withMilvus { server in
      try await make(server)
      // Prices: 1: 90, 2: 80, 3: 70, 4: 100, 5: null, 6: 80, 7: 70, 8: 100.
      #expect(try await ids(server, "query", #""orderByFields":["price"]"#) == [3, 7, 2, 6, 1, 4, 8, 5])
      #expect(try await ids(server, "query", #""orderByFields":["price:desc"]"#) == [5, 4, 8, 1, 2, 6, 3, 7])
      #expect(
        try await ids(server, "query", #""orderByFields":["price:asc:nulls_first","id:desc"],"limit":3"#)
          == [5, 7, 3])
      #expect(
        try await ids(server, "query", #""orderByFields":["kind:DESC","weight:asc"],"limit":4,"offset":1"#)
          == [5, 8, 1, 4])
      #expect(
        try await ids(server, "query", #""filter":"id in [1,2,3]","orderByFields":["price"]"#) == [3, 2, 1])
    }
  }

  @Test("groups and numbers, also of all points; int64 as text for those who ask")
  func groups() async throws {
    try await withMilvus { server in
      try await make(server)
      let groups = try await server.milvus(
        "entities/query",
        #"{"collectionName":"shop","groupByFields":["kind"],"outputFields":["kind","count(*)","COUNT(price)","sum( price )","avg(weight)","max(kind)"],"orderByFields":["kind:desc"]}"#,
        headers: [("Accept-Type-Allow-Int64", "false")])
      #expect(
        groups.text
          == #"{"code":0,"cost":0,"data":[{"kind":"c","count(*)":"3","COUNT(price)":"2","sum( price )":"180","avg(weight)":1.25,"max(kind)":"c"},{"kind":"b","count(*)":"3","COUNT(price)":"3","sum( price )":"260","avg(weight)":1.0,"max(kind)":"b"},{"kind":"a","count(*)":"2","COUNT(price)":"2","sum( price )":"150","avg(weight)":1.125,"max(kind)":"a"}]}"#
      )
      let all = try await server.milvus(
        "entities/query",
        #"{"collectionName":"shop","filter":"id > 100","outputFields":["count(*)","sum(price)","min(id)"]}"#)
      #expect(all.text.contains(#"[{"count(*)":0,"sum(price)":null,"min(id)":null}]"#), "\(all.text)")
      let kinds = try await server.success(
        "entities/query", #"{"collectionName":"shop","groupByFields":["kind"],"limit":2}"#)
      #expect(kinds.array?.compactMap { $0["kind"]?.string } == ["a", "b"])
    }
  }

  @Test(
    "what cannot be ordered or grouped is 1100 with the reason",
    arguments: [
      (#""orderByFields":["nothing"]"#, "field nothing not exist"),
      (#""orderByFields":["meta"]"#, "ORDER BY field 'meta' has unsupported data type JSON"),
      (#""orderByFields":["vector"]"#, "ORDER BY field 'vector' has unsupported data type FloatVector"),
      (#""orderByFields":["price:up"]"#, "invalid order direction 'up' for field 'price'"),
      (#""orderByFields":["price:asc:middle"]"#, "invalid nulls option 'middle' for field 'price'"),
      (#""groupByFields":["weight"]"#, "group by field weight has unsupported data type Double"),
      (
        #""groupByFields":["kind"],"outputFields":["price"]"#,
        "output field price should be one of the group by"
      ),
      (#""outputFields":["sum(kind)"]"#, "aggregation operator sum does not support data type VarChar"),
      (#""outputFields":["avg(*)"]"#, "aggregation operator avg does not support data type *"),
      (#""outputFields":["sum(nothing)"]"#, "field nothing not exist"),
      (
        #""groupByFields":["kind"],"outputFields":["count(*)"],"orderByFields":["price"]"#,
        "ORDER BY field 'price' is not valid"
      ),
    ])
  func refused(more: String, message: String) async throws {
    try await withMilvus { server in
      try await make(server)
      let said = try await server.failure(1100, "entities/query", #"{"collectionName":"shop",\#(more)}"#)
      #expect(said.contains(message), "\(said)")
    }
  }

  @Test("hybrid search fuses by ranks or weights, with offset, groups and output fields")
  func hybrid() async throws {
    try await withMilvus { server in
      try await make(server)
      let searches =
        #""search":[{"data":[[1,0]],"annsField":"vector","limit":3},{"data":[[4,0]],"annsField":"vector","limit":2,"filter":"id > 2","metricType":"L2"}]"#
      // The first finds 1, 2, 3; the second 4 and, at the same distance as 5, 3.
      #expect(try await ids(server, "hybrid_search", searches + #","limit":3"#) == [3, 1, 4])
      #expect(try await ids(server, "advanced_search", searches + #","limit":2,"offset":1"#) == [1, 4])
      let weighted = try await server.milvus(
        "entities/hybrid_search",
        #"{"collectionName":"shop",\#(searches),"rerank":{"strategy":"weighted","params":{"weights":[0,1]}},"limit":2,"outputFields":["kind"]}"#
      )
      #expect(
        weighted.text
          == #"{"code":0,"cost":0,"data":[{"distance":1.0,"id":4,"kind":"b"},{"distance":0.5,"id":3,"kind":"a"}],"topks":[2]}"#
      )
      #expect(
        try await ids(
          server, "hybrid_search", searches + #","groupingField":"kind","groupSize":1,"limit":5"#
        ).count == 3)
      let decayed = try await ids(
        server, "hybrid_search",
        searches
          + #","limit":9,"functionScore":{"functions":[{"name":"f","type":"Rerank","inputFieldNames":["weight"],"params":{"reranker":"decay","function":"linear","origin":0.5,"scale":1,"decay":0.1}}]}"#
      )
      #expect(decayed == [1, 4, 2, 3])
    }
  }

  @Test(
    "a hybrid search that cannot be is refused",
    arguments: [
      (1802, #""limit":3"#, "Key: 'HybridSearchReq.Search' Error:Field validation for 'Search' failed"),
      (1802, #""search":[{"annsField":"vector"}]"#, "Key: 'HybridSearchReq.Search[0].Data'"),
      (1801, #""search":[7]"#, "expected an object"),
      (1801, #""search":[{"data":[[1,0]],"limit":"3"}]"#, "limit"),
      (1100, #""search":[]"#, "hybrid search takes 1 to 1024 searches"),
      (1100, #""search":[{"data":[[1,0]],"annsField":"other"}]"#, "fieldName(other) not found"),
      (1100, #""search":[{"data":[[1,0]]},{"data":[[1,0],[2,0]]}]"#, "same number of queries"),
      (1100, #""search":[{"data":[[1,0]]}],"rerank":{"strategy":"best"}"#, "unsupported rank type best"),
      (
        1100, #""search":[{"data":[[1,0]]}],"rerank":{"strategy":"rrf","params":{"k":0}}"#, "range (0, 16384)"
      ),
      (
        1100, #""search":[{"data":[[1,0]]}],"rerank":{"strategy":"weighted","params":{"weights":[2]}}"#,
        "range [0, 1]"
      ),
      (
        1100, #""search":[{"data":[[1,0]]}],"rerank":{"strategy":"weighted","params":{"weights":[1,1]}}"#,
        "the length of weights param mismatch with ann search requests"
      ),
      (1100, #""search":[{"data":[[1,0]]}],"limit":16384,"offset":1"#, "(offset+limit) should be in range"),
      (1100, #""search":[{"data":[[1,0]]}],"groupingField":"kind","groupSize":100000"#, "group_size"),
    ])
  func refusedHybrid(code: Int64, more: String, message: String) async throws {
    try await withMilvus { server in
      try await make(server)
      let said = try await server.failure(
        code, "entities/hybrid_search", #"{"collectionName":"shop",\#(more)}"#)
      #expect(said.contains(message), "\(said)")
    }
  }
}
