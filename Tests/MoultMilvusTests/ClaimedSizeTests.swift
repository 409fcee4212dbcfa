import MilvusProto
import MoultEngine
import MoultModel
import MoultServer
import MoultServerTesting
import Testing

@testable import MoultMilvus

/// What a request only claims takes no memory.
@Suite("Milvus: sizes that are claimed")
struct ClaimedSizeTests {
  /// The first field has 2 dimensions, the other one may be absent and has as many as there are.
  private static func withWide(_ body: @Sendable @escaping (ServerHarness) async throws -> Void) async throws
  {
    try await withMilvus { server in
      try await server.success(
        "collections/create",
        """
        {"collectionName":"c","schema":{"fields":[{"fieldName":"id","dataType":"Int64","isPrimary":true},
        {"fieldName":"v","dataType":"FloatVector","elementTypeParams":{"dim":2}},
        {"fieldName":"wide","dataType":"FloatVector","nullable":true,"elementTypeParams":{"dim":32768}}]},
        "indexParams":[{"fieldName":"v","metricType":"L2"},{"fieldName":"wide","metricType":"L2"}]}
        """)
      try await body(server)
    }
  }

  @Test("rows without a vector of a wide field: as many as there is room for, and no more")
  func absent() async throws {
    try await Self.withWide { server in
      let insert = { (count: Int) in
        let rows = (0..<count).map { #"{"id":\#($0),"v":[0,1]}"# }.joined(separator: ",")
        return #"{"collectionName":"c","data":[\#(rows)]}"#
      }
      let message = try await server.failure(1804, "entities/insert", insert(4_097))
      #expect(message.contains("4097 points of 32768 dimensions"))
      #expect(
        try await server.success("collections/get_stats", #"{"collectionName":"c"}"#)["rowCount"] == .int(0))
      #expect(try await server.success("entities/insert", insert(16))["insertCount"] == .int(16))
    }
  }

  @Test("a search takes 16,384 queries at most")
  func queries() async throws {
    try await withMilvus { server in
      try await server.makeLine()
      let data = [String](repeating: "[0,0]", count: 16_385).joined(separator: ",")
      let message = try await server.failure(
        1100, "entities/search", #"{"collectionName":"line","limit":1,"data":[\#(data)]}"#)
      #expect(message.contains("nq [16385] is invalid"))
    }
  }

  @Test("a column over gRPC whose number of rows or dimension is only claimed")
  func column() async throws {
    try await Self.withWide { server in
      let operations = MilvusAPI(engine: server.engine).operations
      let collection = try operations.describe("c")
      let (narrow, wide) = (try collection.vector("v"), try collection.vector("wide"))
      for count in [Int.max, 1 << 40, 4_097] {
        #expect(throws: MilvusError.self, "\(count)") { try VectorColumn(wide, nil, count: count) }
      }
      let none = try VectorColumn(wide, nil, count: 4)
      #expect(none.values.absent == [0, 1, 2, 3] && none.vector(3) == nil)

      var column = ProtoFieldData()
      column.vectors.floatVector.data = [1, 2, 3, 4]
      column.vectors.dim = 2
      #expect(try VectorColumn(narrow, column, count: 2).vector(1) == [3, 4])
      for dimension in [Int64.max, -1, 0, 3, 1 << 40] {
        column.vectors.dim = dimension
        #expect(throws: MilvusError.self, "dim \(dimension)") { try VectorColumn(narrow, column, count: 2) }
      }
      column.vectors.dim = 2
      for count in [1, 3, 1 << 40] {
        #expect(throws: MilvusError.self, "\(count) rows") { try VectorColumn(narrow, column, count: count) }
      }
    }
  }
}
