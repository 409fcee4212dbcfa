import MoultModel
import MoultServer
import MoultServerTesting
import MoultTesting
import Testing

@testable import MoultQdrant

@Suite("Multivectors over Qdrant's protocol")
struct MultiVectorTests {
  @Test(
    "a payload holds them at its head, whatever is put in and out", arguments: 1...50 as ClosedRange<UInt64>)
  func payloads(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    var payload = StoredPayload(object: ["text": .string("é\""), "$sparse:0": .string("")])
    var model: [Int: QdrantMultiVector] = [:]
    for _ in 0..<12 {
      let part = Int.random(in: 0..<12, using: &random)
      let vector = QdrantMultiVector(
        dimension: 2,
        values: (0..<2 * Int.random(in: 1...3, using: &random)).map { _ in
          Float.random(in: -1...1, using: &random)
        })
      model[part] = Bool.random(using: &random) ? vector : nil
      payload.setMultiVector(part, model[part])
      // As it is stored and read again.
      payload = try StoredPayload(payload.text)
      for part in 0..<12 { #expect(payload.multiVector(part, dimension: 2) == model[part]) }
      let numbers = payload.object["$vectors"]?.object?.members.map(\.key) ?? []
      #expect(numbers == model.keys.sorted().map(String.init))
      #expect(payload.text.hasPrefix("{\"$vectors\":{") == !model.isEmpty)
      #expect(payload.object["text"] == .string("é\""))
      for part in 0..<12 {
        #expect(payload.object["$multi:\(part)"] == model[part].map { .int(Int64($0.values.count / 2)) })
      }
    }
  }

  private static let collection =
    #"{"vectors":{"m":{"size":2,"distance":"Dot","multivector_config":{"comparator":"max_sim"}}}}"#

  @Test(
    "what is no multivector is refused, and nothing is changed",
    arguments: [
      ("[]", "empty"), ("[[]]", "at least"), ("[[1,2],[3]]", "same size"),
      ("[[1,2,3]]", "expected dim: 2, got 3"),
      ("[1,2,3]", "expected dim: 2, got 3"), (#"[[1,"2"]]"#, "vector"), ("[[1,null]]", "vector"),
      ("7", "empty"),
      (#"{"indices":[1],"values":[1]}"#, "sparse"), (#"{"text":"a","model":"colbert"}"#, "qdrant/bm25"),
    ])
  func refused(vector: String, expected: String) async throws {
    try await withQdrant { server in
      _ = try await server.put("/collections/c", Self.collection)
      _ = try await server.put(
        "/collections/c/points", #"{"points":[{"id":1,"vector":{"m":[[1,2],[3,4]]}}]}"#)
      for body in [
        #"{"points":[{"id":1,"vector":{"m":\#(vector)}}]}"#,
        #"{"points":[{"id":2,"vector":{"m":[[1,2]]}},{"id":3,"vector":{"m":\#(vector)}}]}"#,
      ] {
        let answer = try await server.put("/collections/c/points", body)
        #expect(answer.status == 400)
        let failure = try #require(try answer.failure)
        #expect(failure.contains(expected), "\(failure)")
      }
      let read = try await server.post(
        "/collections/c/points/scroll", #"{"with_vector":true}"#
      ).result?["points"]
      let points = try #require(read?.array)
      #expect(points.count == 1 && points.first?["id"] == .int(1))
      #expect(points.first?["payload"] == .object([:]))
      #expect(points.first?["vector"]?["m"]?.array?.map(\.floats) == [[1, 2], [3, 4]])
    }
  }

  @Test("a choice of diverse points that would take too long is refused by the size of what is stored")
  func diverse() async throws {
    try await withQdrant { server in
      func expect(_ status: Int, _ text: String) async throws {
        let answer = try await server.post(
          "/collections/c/points/query",
          #"{"query":{"nearest":[[1]],"mmr":{"diversity":0.5}},"using":"m","limit":33}"#)
        #expect(answer.status == status && answer.text.contains(text), "\(answer.text.prefix(300))")
      }
      _ = try await server.put("/collections/c", Self.collection.replacing(#""size":2"#, with: #""size":1"#))
      func write(_ rowCount: Int) async throws {
        let vector = "[\(Array(repeating: "[1]", count: rowCount).joined(separator: ","))]"
        let points = (1...33).map { #"{"id":\#($0),"vector":{"m":\#(vector)}}"# }.joined(separator: ",")
        let written = try await server.put("/collections/c/points?wait=true", #"{"points":[\#(points)]}"#)
        #expect(written.status == 200, "\(written.text.prefix(300))")
      }
      try await write(2)
      try await expect(200, "points")
      // 33² · 8 192² > 2³⁶
      try await write(8_192)
      try await expect(400, "takes fewer candidates")
    }
  }

  @Test("their members are nobody else's")
  func hidden() async throws {
    try await withQdrant { server in
      _ = try await server.put("/collections/c", Self.collection)
      _ = try await server.put(
        "/collections/c/points", #"{"points":[{"id":1,"vector":{"m":[[1,2]]},"payload":{"a":1}}]}"#)
      for payload in [#"{"$vectors":{"0":"AAAA"}}"#, #"{"$multi:0":3}"#] {
        for (method, body) in [("payload", #"{"points":[1],"payload":\#(payload)}"#)] {
          #expect(try await server.post("/collections/c/points/\(method)", body).status == 400)
        }
        let point = #"{"points":[{"id":2,"vector":{},"payload":\#(payload)}]}"#
        #expect(try await server.put("/collections/c/points", point).status == 400)
      }
      for key in [#"\"$vectors\""#, #"\"$multi:0\""#, #"\"$sparse:0\""#] {
        let delete = #"{"points":[1],"keys":["\#(key)"]}"#
        #expect(try await server.post("/collections/c/points/payload/delete", delete).status == 400)
        let set = #"{"points":[1],"payload":{"0":"AAAA"},"key":"\#(key)"}"#
        #expect(try await server.post("/collections/c/points/payload", set).status == 400)
      }
      let read = try await server.get("/collections/c/points/1").result
      #expect(read?["payload"] == .object(["a": .int(1)]))
      #expect(read?["vector"]?["m"]?.array?.count == 1)
    }
  }
}
