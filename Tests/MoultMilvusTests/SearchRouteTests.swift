import MoultServer
import MoultServerTesting
import Testing

@Suite("Milvus REST: search")
struct SearchRouteTests {
  @Test("hits of all queries stand in one array, with their counts beside it")
  func flat() async throws {
    try await withMilvus { server in
      try await server.makeLine()
      let answer = try await server.milvus(
        "entities/search",
        #"{"collectionName":"line","data":[[0.5,0],[9,0]],"limit":2,"outputFields":["word"]}"#)
      #expect(
        answer.text
          == #"{"code":0,"cost":0,"data":[{"distance":0.25,"id":1,"word":"one"},{"distance":0.25,"id":2,"word":"two"},{"distance":36.0,"id":4},{"distance":49.0,"id":3}],"topks":[2,2]}"#
      )
      #expect(answer.header("moult-collection") == "line")
      #expect(answer.header("moult-generation") != nil)
    }
  }

  @Test("without output fields only key and distance come, with * everything")
  func outputFields() async throws {
    try await withMilvus { server in
      try await server.makeLine()
      func first(_ more: String) async throws -> String {
        try await server.milvus(
          "entities/search", #"{"collectionName":"line","data":[[0,0]],"limit":1\#(more)}"#
        ).text
      }
      func answer(_ members: String) -> String {
        #"{"code":0,"cost":0,"data":[{"distance":0.0,"id":1\#(members)}],"topks":[1]}"#
      }
      #expect(try await first("") == answer(""))
      #expect(try await first(#","outputFields":["id"]"#) == answer(""))
      #expect(try await first(#","outputFields":["vector"]"#) == answer(#","vector":[0.0,0.0]"#))
      #expect(
        try await first(#","outputFields":["*"]"#)
          == answer(#","word":"one","tags":["a", "b"],"vector":[0.0,0.0]"#))
    }
  }

  @Test("limit is 100 unless said, offset skips, search parameters are read on one level or two")
  func parameters() async throws {
    try await withMilvus { server in
      try await server.makeLine()
      func ids(_ more: String) async throws -> [Int64?] {
        let data = try await server.success(
          "entities/search", #"{"collectionName":"line","data":[[0,0]]\#(more)}"#)
        return data.array?.map { $0["id"]?.int } ?? []
      }
      #expect(try await ids("") == [1, 2, 3, 4])
      #expect(try await ids(#","limit":2,"offset":1"#) == [2, 3])
      #expect(try await ids(#","offset":9"#) == [])
      #expect(
        try await ids(#","searchParams":{"metricType":"L2","params":{"ef":10,"exact":true,"nprobe":3}}"#)
          .count == 4)
      #expect(try await ids(#","searchParams":{"metric_type":"l2","ef":10,"oversampling":2.5}"#).count == 4)
      #expect(
        try await ids(
          #","annsField":"vector","partitionNames":["_default"],"consistencyLevel":"Strong","filter":" ""#
        ).count == 4)
    }
  }

  @Test("cosine and inner product come as they are, best first")
  func metrics() async throws {
    try await withMilvus { server in
      for (metric, distance) in [("COSINE", "1.0"), ("IP", "4.0")] {
        let name = metric.lowercased()
        try await server.success(
          "collections/create", #"{"collectionName":"\#(name)","dimension":2,"metricType":"\#(metric)"}"#)
        try await server.success(
          "entities/insert",
          #"{"collectionName":"\#(name)","data":[{"id":1,"vector":[0,1]},{"id":2,"vector":[2,0]}]}"#)
        let answer = try await server.milvus(
          "entities/search", #"{"collectionName":"\#(name)","data":[[2,0]],"limit":1}"#)
        #expect(answer.text.contains(#"[{"distance":\#(distance),"id":2}]"#), "\(answer.text)")
      }
    }
  }

  @Test("filters, ranges and groups choose the hits")
  func choices() async throws {
    try await withMilvus { server in
      try await server.makeLine()
      func ids(_ more: String) async throws -> [Int64] {
        try await server.success(
          "entities/search", #"{"collectionName":"line","data":[[0,0]],\#(more)}"#
        ).array?.compactMap { $0["id"]?.int } ?? []
      }
      #expect(try await ids(#""filter":"word == 'two' or id == 4""#) == [2, 4])
      #expect(try await ids(#""searchParams":{"params":{"radius":4,"range_filter":1}}"#) == [2])
      #expect(try await ids(#""searchParams":{"radius":4.5}"#) == [1, 2, 3])
      #expect(try await ids(#""groupingField":"word""#) == [1, 2])
    }
  }

  @Test("a released collection answers no search, a loaded one does again")
  func released() async throws {
    try await withMilvus { server in
      try await server.makeLine()
      try await server.success("collections/release", #"{"collectionName":"line"}"#)
      let state = try await server.success("collections/get_load_state", #"{"collectionName":"line"}"#)
      #expect(state == .object(["loadState": .string("LoadStateNotLoad")]))
      let message = try await server.failure(
        101, "entities/search", #"{"collectionName":"line","data":[[0,0]]}"#)
      #expect(message == "collection not loaded[collection=line]")
      try await server.success("collections/load", #"{"collectionName":"line"}"#)
      try await server.success("entities/search", #"{"collectionName":"line","data":[[0,0]]}"#)
    }
  }

  @Test(
    "what cannot be answered is refused, never passed over",
    arguments: [
      (
        #""data":[[0,0]],"filter":"word === 'one'""#, 1100,
        "failed to create query plan: cannot parse expression: word === 'one'"
      ),
      (
        #""data":[[0,0]],"searchParams":{"metricType":"COSINE"}"#, 1100,
        "metric type not match: invalid parameter[expected=L2][actual=COSINE]"
      ),
      (#""data":[[0,0]],"limit":0"#, 1100, "it should be in range [1, 16384], but got 0"),
      (#""data":[[0,0]],"limit":16385"#, 1100, "16385"),
      (
        #""data":[[0,0]],"limit":16384,"offset":1"#, 1100,
        "(offset+limit) should be in range [1, 16384], but got 16385"
      ),
      (#""data":[[0,0]],"offset":-1"#, 1100, "offset"),
      (#""data":[[0,0]],"offset":9223372036854775807"#, 1100, "offset"),
      (#""data":[[0,0]],"annsField":"emb""#, 1100, "fieldName(emb) not found"),
      (#""data":[[0,0]],"searchParams":{"params":{"range_filter":1}}"#, 1100, "range_filter"),
      (#""data":[[0,0]],"consistencyLevel":"Now""#, 1100, "Now"),
      (#""data":[[0,0]],"searchParams":{"ef":0}"#, 1100, "ef"),
      (#""data":[[0,0]],"partitionNames":["p"]"#, 200, "partition not found[partition=p]"),
      (#""data":[[0,0]],"ids":[1]"#, 1100, "not both"), (#""ids":[99]"#, 1100, "the first is 99"),
      (#""data":[]"#, 1802, "data or ids"), (#""limit":3"#, 1802, "data or ids"),
      (#""data":[[0,0,0]]"#, 1801, "dimension: 2, but length of []float: 3"),
      (#""data":[[0,0],[1]]"#, 1801, "data[1]"), (#""data":[["a"]]"#, 1801, "data[0]"),
      (#""data":[{"0":1}]"#, 1801, "data[0]"), (#""data":[[0,0]],"searchParams":[]"#, 1801, "searchParams"),
    ])
  func refused(body: String, code: Int64, says: String) async throws {
    try await withMilvus { server in
      try await server.makeLine()
      let message = try await server.failure(code, "entities/search", #"{"collectionName":"line",\#(body)}"#)
      #expect(message.contains(says), "\(message)")
    }
  }
}
