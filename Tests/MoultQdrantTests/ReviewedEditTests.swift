import MoultEngine
import MoultModel
import MoultServer
import MoultServerTesting
import MoultTesting
import Testing

@testable import MoultQdrant

@Suite("Edits that a review found fault with")
struct ReviewedEditTests {
  private static let dense = #"{"dense":{"size":2,"distance":"Dot"}}"#

  /// Of two numbers, and one point that has it.
  private static func make(_ server: ServerHarness) async throws {
    let made = try await server.put("/collections/c", #"{"vectors":{"a":{"size":2,"distance":"Dot"}}}"#)
    try #require(made.status == 200, "\(made.text)")
    let filled = try await server.put(
      "/collections/c/points?wait=true", #"{"points":[{"id":1,"vector":{"a":[1,2]},"payload":{"x":1}}]}"#)
    try #require(filled.status == 200, "\(filled.text)")
  }

  private static func put(_ vector: String, _ values: String, _ server: ServerHarness) async throws {
    let answer = try await server.put(
      "/collections/c/points/vectors?wait=true", #"{"points":[{"id":1,"vector":{"\#(vector)":\#(values)}}]}"#)
    try #require(answer.status == 200, "\(answer.text)")
  }

  private static func point(_ server: ServerHarness) async throws -> JSON? {
    try await server.post("/collections/c/points/scroll", #"{"with_vector":true}"#).result?["points"]?.array?
      .first
  }

  @Test("a payload edit keeps a vector that came after the collection was looked at")
  func newVector() async throws {
    try await withQdrant { server in
      try await Self.make(server)
      let operations = QdrantOperations(engine: server.engine)
      let before = try operations.describe("c")
      #expect(try await server.put("/collections/c/vectors/b", Self.dense).status == 200)
      try await Self.put("b", "[3,4]", server)
      let id = try QdrantPointID.read(.int(1), at: "id")
      try await operations.edit(PayloadEdit.set(["y": .int(2)], at: nil), .ids([id]), in: before)
      let point = try await Self.point(server)
      #expect(point?["vector"]?["b"]?.floats == [3, 4])
      #expect(point?["vector"]?["a"]?.floats == [1, 2])
      #expect(point?["payload"] == .object(["x": .int(1), "y": .int(2)]))
    }
  }

  @Test("set replaces members where they stand and puts new ones behind them")
  func order() {
    var payload: JSONObject = ["a": .int(1), "b": .int(2), "n": .null]
    PayloadEdit.set(["c": .int(3), "a": .null, "b": .int(4), "d": .null], at: nil).apply(to: &payload)
    #expect(payload == ["b": .int(4), "n": .null, "c": .int(3)])
  }

  @Test("edits of very many members take no time that grows with their square", .timeLimit(.minutes(1)))
  func manyMembers() throws {
    let count = 200_000
    func members(_ prefix: String, _ value: Int64) -> JSONObject {
      JSONObject((0..<count).map { JSONObject.Member(key: "\(prefix)\($0)", value: .int(value)) })
    }
    var payload = members("a", 1)
    PayloadEdit.set(members("b", 2), at: nil).apply(to: &payload)
    PayloadEdit.set(members("a", 3), at: nil).apply(to: &payload)
    #expect(payload.members.count == 2 * count)
    #expect(payload.members.first?.value == .int(3) && payload.members.last?.value == .int(2))
    let paths = (1..<count).compactMap { QdrantPath("a\($0)") }
    PayloadEdit.delete(paths).apply(to: &payload)
    #expect(payload.members.count == count + 1)
    #expect(payload["a0"] == .int(3) && payload["a1"] == nil)
  }

  @Test("a collection that cannot be deleted keeps its aliases")
  func aliases() async throws {
    try await withQdrant { server in
      try await Self.make(server)
      let alias = #"{"actions":[{"create_alias":{"collection_name":"c","alias_name":"now"}}]}"#
      #expect(try await server.post("/collections/aliases", alias).status == 200)
      let operations = QdrantOperations(engine: server.engine)
      await #expect(throws: QdrantError.self) {
        _ = try await operations.drop("c") { _ in throw MoultError(.switchInProgress, "a job is at work") }
      }
      let kept = try operations.aliases(of: "c").map { $0.alias }
      #expect(kept == ["now"])
      #expect(try await operations.drop("c"))
      #expect(try operations.aliases().isEmpty)
      #expect(!operations.has("c"))
    }
  }

  @Test("a new vector has nothing of a removed one that a crash left behind")
  func orphan() async throws {
    try await withQdrant { server in
      try await Self.make(server)
      #expect(try await server.put("/collections/c/vectors/b", Self.dense).status == 200)
      try await Self.put("b", "[3,4]", server)
      // As a crash between the two steps of the removal leaves it.
      try await QdrantOperations(engine: server.engine).alter("c") { $0.vectors.removeAll { $0.name == "b" } }

      // The second time is no error.
      for _ in 0..<2 { #expect(try await server.put("/collections/c/vectors/b", Self.dense).status == 200) }
      let point = try await Self.point(server)
      #expect(point?["vector"]?["b"] == nil)
      #expect(point?["vector"]?["a"]?.floats == [1, 2])
      try await Self.put("b", "[5,6]", server)
      #expect(try await Self.point(server)?["vector"]?["b"]?.floats == [5, 6])
      let hits = try await server.post("/collections/c/points/query", #"{"query":[1,0],"using":"b"}"#)
      #expect(try hits.result?["points"]?.array?.first?["score"]?.double == 5, "\(hits.text)")
    }
  }
}
