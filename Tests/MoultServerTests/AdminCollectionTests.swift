import MoultModel
import MoultServer
import MoultServerTesting
import NIOCore
import Testing

@Suite("Admin API: collections and points")
struct AdminCollectionTests {
  private static let root = "/moult/v1"

  @Test("a collection is created, described, listed and dropped")
  func lifecycle() async throws {
    try await ServerHarness.with { server in
      let created = try await server.post(
        Self.root + "/collections",
        """
        {"name":"books","dimension":3,"metric":"ip","keyKind":"string","summary":"what we read",
         "specification":{"index":{"hnsw":{"m":8}}}}
        """)
      #expect(created.status == 201)
      #expect(created.header("moult-collection") == "books")
      let schema = try created.json["schema"]
      #expect(schema?["metric"] == .string("ip"))
      #expect(schema?["keyKind"] == .string("string"))
      let specification = try created.json["generation"]?["specification"]
      #expect(specification?["quantization"] == .string("none"))
      #expect(specification?["index"]?["hnsw"]?["m"] == .int(8))
      #expect(specification?["index"]?["hnsw"]?["efConstruction"] == .int(128))

      #expect(try await server.get(Self.root + "/collections/books").json["count"] == .int(0))
      let list = try await server.get(Self.root + "/collections").json["collections"]?.array
      #expect(list?.map { $0["name"]?.string } == ["books"])

      let again = try await server.post(Self.root + "/collections", #"{"name":"books","dimension":3}"#)
      #expect(again.status == 409)
      #expect(again.errorCode == "collectionExists")

      #expect(try await server.send(.delete, Self.root + "/collections/books").status == 204)
      let gone = try await server.send(.delete, Self.root + "/collections/books")
      #expect(gone.status == 404)
      #expect(gone.errorCode == "collectionNotFound")
    }
  }

  @Test(
    "the index of a new collection goes by the size of its segments",
    arguments: ["", #","specification":{}"#])
  func defaultIndex(specification: String) async throws {
    try await ServerHarness.with { server in
      let created = try await server.post(
        Self.root + "/collections", #"{"name":"x","dimension":2\#(specification)}"#)
      #expect(created.text.contains(#""index":{"auto":{}}"#), "\(created.text)")
    }
  }

  @Test(
    "an index is named by a word or an object, and answered as an object",
    arguments: [
      (#""flat""#, #"{"flat":{}}"#), (#"{"flat":{}}"#, #"{"flat":{}}"#), (#""ivf""#, #"{"ivf":{}}"#),
      (#"{"ivf":{"lists":50}}"#, #"{"ivf":{"lists":50}}"#), (#""auto""#, #"{"auto":{}}"#),
      (#"{"auto":{}}"#, #"{"auto":{}}"#),
    ])
  func indexes(asked: String, answered: String) async throws {
    try await ServerHarness.with { server in
      let created = try await server.post(
        Self.root + "/collections",
        #"{"name":"x","dimension":2,"metric":"l2","specification":{"index":\#(asked)}}"#)
      #expect(created.status == 201, "\(created.text)")
      #expect(created.text.contains(#""index":\#(answered)"#), "\(created.text)")
      let search = try await server.send(
        .post, Self.root + "/collections/x/search?dimension=2&probes=3", [UInt8](repeating: 0, count: 8),
        type: "application/octet-stream")
      #expect(search.status == 200, "\(search.text)")
    }
  }

  @Test("points are written, read page by page, and deleted")
  func points() async throws {
    try await ServerHarness.with { server in
      try await server.makeLine()
      let path = Self.root + "/collections/line/points"
      let first = try await server.get(path + "?limit=3", headers: [("Accept", "application/json")])
      #expect(first.header("moult-collection") == "line")
      let points = try #require(try first.json["points"]?.array)
      #expect(points.map { $0["id"]?.int } == [1, 2, 3])
      #expect(points[2]["vector"]?.floats == [2, 0])
      // Byte for byte, blanks and trailing zeros included.
      #expect(first.text.contains(#""payload":{"word":"one","tags":["a", "b"]}"#))
      #expect(first.text.contains(#""payload":{"n":1.50}"#))

      let second = try await server.get(path + "?after=3&limit=3")
      #expect(second.header("content-type") == PointFrame.mediaType)
      let frame = try PointFrame(decoding: .init(bytes: second.body))
      #expect(frame.ids == [.int64(4)])
      #expect(frame.vectors == [3, 0])
      let end = try await server.get(path + "?after=4")
      #expect(try PointFrame(decoding: .init(bytes: end.body)).count == 0)

      let deleted = try await server.post(path + "/delete", #"{"ids":[2,99,4]}"#)
      #expect(try deleted.json["count"] == .int(2))
      #expect(try deleted.json["ids"] == .array([.int(2), .int(4)]))
      #expect(deleted.header("moult-generation") != nil)
      #expect(try await server.get(Self.root + "/collections/line").json["count"] == .int(2))
    }
  }

  @Test("a point frame is written and read back bit for bit")
  func frames() async throws {
    try await ServerHarness.with { server in
      _ = try await server.post(
        Self.root + "/collections",
        #"{"name":"halves","dimension":4,"keyKind":"string","elementType":"float16"}"#)
      let vectors = (1...40).map { Float(Float16(Float($0) / 7)) }
      let frame = PointFrame(
        count: 10, dimension: 4, ids: (0..<10).map { .string("k\($0)") }, elementType: .float16,
        vectors: vectors,
        payloads: (0..<10).map { #"{"row": \#($0)}"# })
      let path = Self.root + "/collections/halves/points"
      let written = try await server.send(
        .post, path + "?mode=insert", Array(frame.encode().readableBytesView), type: PointFrame.mediaType)
      #expect(written.status == 200, "\(written.text)")
      #expect(try written.json["count"] == .int(10))

      let page = try PointFrame(decoding: .init(bytes: try await server.get(path).body))
      #expect(page.ids == frame.ids)
      #expect(page.vectors.map(\.bitPattern) == vectors.map(\.bitPattern))
      #expect(page.payloads == frame.payloads)

      let again = try await server.send(
        .post, path + "?mode=insert", Array(frame.encode().readableBytesView), type: PointFrame.mediaType)
      #expect(again.status == 409)
      #expect(again.errorCode == "pointExists")
    }
  }

  @Test("keys are given out where the collection says so")
  func automaticKeys() async throws {
    try await ServerHarness.with { server in
      _ = try await server.post(
        Self.root + "/collections", #"{"name":"auto","dimension":2,"automaticKeys":true}"#)
      let path = Self.root + "/collections/auto/points"
      let written = try await server.post(path, #"{"points":[{"vector":[1,2]},{"vector":[3,4]}]}"#)
      let ids = try #require(try written.json["ids"]?.array)
      #expect(Set(ids.compactMap(\.int)).count == 2, "\(written.text)")
    }
  }

  @Test("hits come with scores, payload and vectors, from JSON and from binary queries alike")
  func search() async throws {
    try await ServerHarness.with { server in
      try await server.makeLine()
      let path = Self.root + "/collections/line/search"
      let answer = try await server.post(
        path, #"{"queries":[[0.1,0],[2.9,0]],"limit":2,"payload":true,"vectors":true}"#)
      #expect(answer.status == 200, "\(answer.text)")
      let hits = try #require(try answer.json["hits"]?.array)
      #expect(hits[0].array?.map { $0["id"]?.int } == [1, 2])
      #expect(hits[1].array?.map { $0["id"]?.int } == [4, 3])
      #expect(hits[0].array?[0]["payload"]?["word"] == .string("one"))
      #expect(hits[0].array?[1]["vector"]?.floats == [1, 0])
      #expect(abs((hits[0].array?[0]["score"]?.double ?? 9) - 0.01) < 1e-6)
      let servedBy = try answer.json["servedBy"]
      #expect(servedBy?["collection"] == .string("line"))
      #expect(answer.header("moult-generation") == servedBy?["generation"]?.int.map { "\($0)" })

      var bytes: [UInt8] = []
      for value in [Float(0.1), 0, 2.9, 0] {
        withUnsafeBytes(of: value.bitPattern.littleEndian) { bytes += $0 }
      }
      let binary = try await server.send(
        .post, path + "?dimension=2&limit=2&payload=true&vectors=1", bytes, type: "application/octet-stream")
      #expect(binary.text == answer.text)
      let offset = try await server.send(
        .post, path + "?dimension=2&limit=1&offset=1", bytes, type: "application/octet-stream")
      #expect(try offset.json["hits"]?.array?[0].array?.map { $0["id"]?.int } == [2])
      let odd = try await server.send(
        .post, path + "?dimension=2", Array(bytes.dropLast()), type: "application/octet-stream")
      #expect(odd.status == 400)
      let untold = try await server.send(.post, path, bytes, type: "application/octet-stream")
      #expect(untold.errorCode == "invalidArgument")
      let other = try await server.send(
        .post, path + "?dimension=4", bytes, type: "application/octet-stream")
      #expect(other.errorCode == "dimensionMismatch")
      #expect(odd.errorCode == "dimensionMismatch")
    }
  }

  @Test(
    "bad requests are refused with the field, and nothing changes",
    arguments: [
      (#"{"points":[{"id":1,"vector":[1]}]}"#, "dimensionMismatch", "dimension"),
      (
        #"{"points":[{"id":1,"vector":[1,2]},{"id":2,"vector":[1]}]}"#, "dimensionMismatch",
        "points[1].vector"
      ),
      (#"{"points":[{"id":1,"vector":[]}]}"#, "dimensionMismatch", "points[0].vector"),
      (#"{"points":[{"id":1,"vector":"x"}]}"#, "invalidArgument", "points[0].vector"),
      (#"{"points":[{"id":1,"vector":[1,"2"]}]}"#, "invalidArgument", "points[0].vector"),
      (#"{"points":[{"id":1}]}"#, "invalidArgument", "points[0].vector"),
      (#"{"points":[{"id":1.5,"vector":[1,2]}]}"#, "invalidArgument", "points[0].id"),
      (#"{"points":[{"id":1,"vector":[1,2]},{"vector":[1,2]}]}"#, "invalidArgument", "points[1].id"),
      (#"{"points":[{"vector":[1,2]}]}"#, "invalidArgument", ""),
      (#"{"points":[{"id":"one","vector":[1,2]}]}"#, "invalidArgument", ""),
      (#"{"points":[{"id":1,"vector":[1,2],"payload":[1]}]}"#, "invalidArgument", "points[0].payload"),
      (#"{"points":[{"id":1,"vektor":[1,2]}]}"#, "invalidArgument", "points[0].vektor"),
      (#"{"points":[7]}"#, "invalidArgument", "points[0]"),
      (#"{"points":{}}"#, "invalidArgument", "points"),
      (#"{"points":[]}"#, "invalidArgument", ""),
      (#"{}"#, "invalidArgument", "points"),
      (#"{"points":[{"id":1,"vector":[1,2]},{"id":1,"vector":[1,2]}]}"#, "duplicateID", "1"),
      (#"{"points":[{"id":1,"vector":[1,NaN]}]}"#, "invalidArgument", "byte 31"),
      (#"{"points":[{"id":1,"vector":[1,1e39]}]}"#, "invalidArgument", "byte 31"),
      (#"{"points":"#, "invalidArgument", "byte 10"),
      (#"[]"#, "invalidArgument", "an object"),
    ])
  func badPoints(body: String, code: String, says: String) async throws {
    try await ServerHarness.with { server in
      try await server.makeLine()
      let answer = try await server.post(Self.root + "/collections/line/points", body)
      #expect(answer.status == 400, "\(answer.text)")
      #expect(answer.errorCode == code, "\(answer.text)")
      #expect(says.isEmpty || answer.errorMessage.contains(says), "\(answer.text)")
      #expect(try await server.get(Self.root + "/collections/line").json["count"] == .int(4))
      #expect(try await server.get("/healthz").status == 200)
    }
  }

  @Test("zero vectors are refused under cosine only")
  func zeroVector() async throws {
    try await ServerHarness.with { server in
      _ = try await server.post(Self.root + "/collections", #"{"name":"angles","dimension":2}"#)
      let answer = try await server.post(
        Self.root + "/collections/angles/points", #"{"points":[{"id":1,"vector":[0,0]}]}"#)
      #expect(answer.status == 400)
      #expect(answer.errorCode == "invalidVector")
    }
  }

  @Test(
    "bad collections, searches and parameters are refused",
    arguments: [
      ("collections", #"{"name":"x"}"#, "dimension"),
      ("collections", #"{"dimension":2}"#, "name"),
      ("collections", #"{"name":"x","dimension":"2"}"#, "dimension"),
      ("collections", #"{"name":"x","dimension":0}"#, "dimension"),
      ("collections", #"{"name":"x","dimension":40000}"#, "dimension"),
      ("collections", #"{"name":"x","dimension":2,"metric":"hamming"}"#, "'cosine', 'ip', 'l2'"),
      ("collections", #"{"name":"1x","dimension":2}"#, "1x"),
      ("collections", #"{"name":"x","dimension":2,"quantization":"int8"}"#, "quantization"),
      ("collections", #"{"name":"x","dimension":2,"specification":{"index":"lsh"}}"#, "'ivf', 'auto'"),
      (
        "collections", #"{"name":"x","dimension":2,"specification":{"index":{"ivf":{"lists":0}}}}"#,
        "1 … 65536"
      ),
      (
        "collections", #"{"name":"x","dimension":2,"specification":{"index":{"ivf":{"nlist":9}}}}"#,
        "ivf.nlist"
      ),
      (
        "collections", #"{"name":"x","dimension":2,"specification":{"index":{"ivf":{"lists":"9"}}}}"#,
        "ivf.lists"
      ),
      (
        "collections", #"{"name":"x","dimension":2,"specification":{"index":{"ivf":{},"hnsw":{}}}}"#,
        "got 2 members"
      ),
      (
        "collections", #"{"name":"x","dimension":2,"specification":{"index":{"auto":{"rows":9}}}}"#,
        "auto.rows"
      ),
      ("collections/line/search", #"{"queries":[[1,2]],"probes":0}"#, "probes"),
      ("collections", #"{"name":"x","dimension":2,"specification":{"index":{"hnsw":{"M":4}}}}"#, "hnsw.M"),
      ("collections", #"{"name":"x","dimension":2,"specification":{"quantization":"int8"}}"#, "int8"),
      ("collections/line/search", #"{"limit":3}"#, "queries"),
      ("collections/line/search", #"{"queries":[[1,2],[1]]}"#, "queries[1]"),
      ("collections/line/search", #"{"queries":[[1,2,3]]}"#, "dimension"),
      ("collections/line/search", #"{"queries":[[1,"a"]]}"#, "queries[0]"),
      ("collections/line/search", #"{"queries":[[1,2]],"limit":0}"#, "limit"),
      ("collections/line/search", #"{"queries":[[1,2]],"limit":1.5}"#, "limit"),
      ("collections/line/search", #"{"queries":[[1,2]],"offset":20000}"#, "offset"),
      ("collections/line/search", #"{"queries":[[1,2]],"exakt":true}"#, "exakt"),
      ("collections/line/search?limit=3", #"{"queries":[[1,2]]"#, "byte"),
      ("collections/line/points?mode=replace", #"{"points":[]}"#, "'insert', 'upsert'"),
      ("collections/line/points?mod=insert", #"{"points":[]}"#, "mod"),
      ("collections/line/points/delete", #"{"ids":7}"#, "ids"),
      ("collections/line/points/delete", #"{"ids":[[1]]}"#, "ids[0]"),
      (
        "collections/line/switch", #"{"specification":{"quantization":"int3"}}"#, "specification.quantization"
      ),
      ("collections/line/switch", #"{"gate":{}}"#, "specification"),
      (
        "collections/line/switch", #"{"specification":{},"gate":{"queries":{"dimension":2,"base64":"AAA"}}}"#,
        "base64"
      ),
      (
        "collections/line/switch",
        #"{"specification":{},"gate":{"queries":{"dimension":2,"base64":"AAAA"}}}"#, "got 3 bytes"
      ),
      ("collections/line/switch", #"{"specification":{"dimensions":3}}"#, "dimensions"),
      ("reindex", #"{"source":"line"}"#, "target"),
      ("aliases", #"{"alias":"a"}"#, "collection"),
      ("aliases", #"{"alias":"a b","collection":"line"}"#, "a b"),
    ])
  func badInput(path: String, body: String, says: String) async throws {
    try await ServerHarness.with { server in
      try await server.makeLine()
      let answer = try await server.post("\(Self.root)/\(path)", body)
      #expect(answer.status == 400, "\(answer.text)")
      #expect(answer.errorMessage.contains(says), "\(answer.text)")
      #expect(try await server.get(Self.root + "/collections").json["collections"]?.array?.count == 1)
    }
  }
}
