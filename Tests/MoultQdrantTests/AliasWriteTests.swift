import MoultEngine
import MoultModel
import MoultServer
import MoultServerTesting
import Testing

@testable import MoultQdrant

@Suite("Writes through an alias that moves")
struct AliasWriteTests {
  @Test("what was looked up before the alias moved is written to the collection that it stands for now")
  func followsTheAlias() async throws {
    try await withQdrant { server in
      for name in ["old", "new"] {
        _ = try await server.put("/collections/\(name)", #"{"vectors":{"size":2,"distance":"Dot"}}"#)
        _ = try await server.put(
          "/collections/\(name)/points?wait=true",
          #"{"points":[{"id":1,"vector":[1,0]},{"id":2,"vector":[0,1]}]}"#)
      }
      try await server.engine.createAlias("words", collection: "old")
      let operations = QdrantOperations(engine: server.engine)
      let collection = try operations.describe("words")
      try await server.engine.alterAlias("words", collection: "new")
      let order = try QdrantFields(JSONReader.parse(Array(#"{"points":[1]}"#.utf8)), at: "")
      try await operations.delete(order, from: collection)
      try await operations.edit(.ids([.int64(2)]), in: collection) { $0.payload = #"{"a":1}"# }
      #expect(try await Self.payloads(of: "old", server) == [1: "", 2: ""])
      #expect(try await Self.payloads(of: "new", server) == [2: #"{"a":1}"#])
    }
  }

  private static func payloads(of name: String, _ server: ServerHarness) async throws -> [Int64: String] {
    let page = try await server.engine.scan(
      name, after: nil, limit: 10, includeVectors: false, includePayload: true)
    return Dictionary(
      uniqueKeysWithValues: page.points.compactMap { point in
        guard case .int64(let id) = point.id else { return nil }
        return (id, point.payload ?? "")
      })
  }
}
