import MoultServer
import MoultServerTesting
import Testing

@testable import MoultQdrant

@Suite("Bounds of queries and paths over Qdrant's protocol")
struct QueryBoundsTests {
  private func withPoints(_ body: @Sendable @escaping (ServerHarness) async throws -> Void) async throws {
    try await withQdrant { server in
      let made = try await server.put(
        "/collections/c",
        #"{"vectors":{"d":{"size":2,"distance":"Dot"}},"sparse_vectors":{"s":{}}}"#)
      #expect(made.status == 200, "\(made.text)")
      let written = try await server.put(
        "/collections/c/points?wait=true",
        #"{"points":[{"id":1,"vector":{"d":[1,2],"s":{"indices":[3],"values":[4]}},"payload":{"a":{"b":1}}}]}"#
      )
      #expect(written.status == 200, "\(written.text)")
      try await body(server)
    }
  }

  private func expectRefused(
    _ server: ServerHarness, _ path: String, _ body: String, _ text: String
  ) async throws {
    let answer = try await server.post("/collections/c/points\(path)", body)
    #expect(answer.status == 400, "\(path) \(body.prefix(200)): \(answer.text.prefix(300))")
    #expect(try answer.failure?.contains(text) == true, "\(path): \(answer.text.prefix(300))")
  }

  private func list(_ item: String, _ count: Int) -> String {
    "[\(Array(repeating: item, count: count).joined(separator: ","))]"
  }

  @Test("limit and offset have a bound in every kind of query and its prefetches")
  func limits() async throws {
    try await withPoints { server in
      let most = "\"limit\":9223372036854775807,\"offset\":1"
      let prefetch = #""prefetch":{"query":[1,2],"using":"d"}"#
      let text = "limit + offset may be at most 16384"
      for body in [
        #"{\#(prefetch),"query":{"fusion":"rrf"},\#(most)}"#,
        #"{\#(prefetch),"query":{"formula":1},\#(most)}"#,
        #"{\#(most)}"#, #"{"query":{"sample":"random"},\#(most)}"#,
        #"{"query":[1,2],"using":"d","limit":1,"offset":16384}"#,
        #"{"prefetch":{"query":[1,2],"using":"d","limit":16385},"query":{"fusion":"rrf"}}"#,
      ] { try await expectRefused(server, "/query", body, text) }
      try await expectRefused(server, "/search", #"{"vector":{"name":"d","vector":[1,2]},\#(most)}"#, text)
      let answer = try await server.post(
        "/collections/c/points/query", #"{\#(prefetch),"query":{"fusion":"rrf"},"limit":16383,"offset":1}"#)
      #expect(answer.status == 200, "\(answer.text)")
    }
  }

  @Test("a path takes 32 steps at most")
  func steps() async throws {
    #expect(QdrantPath("a" + String(repeating: "[]", count: 31))?.steps.count == 32)
    for steps in [String(repeating: "[]", count: 32), String(repeating: ".a", count: 32)] {
      #expect(QdrantPath("a" + steps) == nil)
    }
    try await withPoints { server in
      let text = "at most 32 steps"
      for key in [String(repeating: "[]", count: 100_000), String(repeating: ".a", count: 100_000)] {
        try await expectRefused(server, "/scroll", #"{"with_payload":["a\#(key)"]}"#, text)
        try await expectRefused(
          server, "/payload", #"{"payload":{"x":1},"points":[1],"key":"a\#(key)"}"#, text)
        try await expectRefused(server, "/payload/delete", #"{"keys":["a\#(key)"],"points":[1]}"#, text)
      }
    }
  }

  @Test("no path reaches members that hold sparse vectors")
  func hiddenMembers() async throws {
    try await withPoints { server in
      let key = #""\"$sparse:0\"""#
      let text = "kept for sparse vectors"
      try await expectRefused(server, "/payload", #"{"payload":{"x":1},"points":[1],"key":\#(key)}"#, text)
      try await expectRefused(server, "/payload/delete", #"{"keys":[\#(key)],"points":[1]}"#, text)
      try await expectRefused(server, "/scroll", #"{"with_payload":[\#(key)]}"#, text)
      try await expectRefused(
        server, "/scroll", #"{"filter":{"must":[{"key":\#(key),"match":{"value":1}}]}}"#, text)
      try await expectRefused(
        server, "/query/groups", #"{"query":[1,2],"using":"d","group_by":\#(key)}"#, text)
      let index = try await server.put(
        "/collections/c/index", #"{"field_name":\#(key),"field_schema":"keyword"}"#)
      #expect(index.status == 400, "\(index.text)")
      let kept = try await server.post("/collections/c/points", #"{"ids":[1],"with_vector":true}"#)
      #expect(try kept.result?.array?.first?["vector"]?["s"] != nil, "\(kept.text)")
    }
  }

  @Test("examples are counted before their vectors are read")
  func examples() async throws {
    try await withPoints { server in
      let (many, part) = (list("1", 4_097), list("1", 3_000))
      for strategy in ["average_vector", "best_score", "sum_scores"] {
        try await expectRefused(
          server, "/query",
          #"{"using":"d","query":{"recommend":{"positive":\#(many),"strategy":"\#(strategy)"}}}"#,
          "positive: expected at most 4096 examples, got 4097")
        try await expectRefused(
          server, "/recommend",
          #"{"using":"d","positive":\#(part),"negative":\#(part),"strategy":"\#(strategy)"}"#,
          "a query takes at most 4096 examples, got 6000")
      }
      let pairs = list(#"{"positive":1,"negative":1}"#, 2_049)
      try await expectRefused(
        server, "/query", #"{"using":"d","query":{"context":\#(pairs)}}"#,
        "context: expected at most 2048 pairs, got 2049")
      let feedback = list(#"{"example":1,"score":0.5}"#, 1_001)
      let weights = #""strategy":{"naive":{"a":1,"b":1,"c":1}}"#
      try await expectRefused(
        server, "/query",
        #"{"using":"d","query":{"relevance_feedback":{"target":[1,2],"feedback":\#(feedback),\#(weights)}}}"#,
        "feedback: expected at most 1000 examples, got 1001")
    }
  }

  @Test("a formula takes 1,000 parts at most")
  func formulas() async throws {
    try await withPoints { server in
      let prefetch = #""prefetch":{"query":[1,2],"using":"d"}"#
      func body(_ count: Int) -> String {
        #"{\#(prefetch),"query":{"formula":{"sum":\#(list("1", count))}}}"#
      }
      try await expectRefused(server, "/query", body(1_000), "a formula takes 1000")
      let answer = try await server.post("/collections/c/points/query", body(999))
      #expect(try answer.result?["points"]?.array?.first?["score"]?.double == 999, "\(answer.text)")
    }
  }

  @Test("a choice of diverse points ends where a comparison fails, as for a cancelled request")
  func cancelledChoice() {
    #expect(throws: CancellationError.self) {
      try QdrantDiversity.choose(2, relevance: [1, 1], balance: 0.5) { (_, _) throws -> Float in
        throw CancellationError()
      }
    }
  }

  @Test("a batch takes 1,000 searches and 4,000,000 hits at most")
  func batches() async throws {
    try await withPoints { server in
      try await expectRefused(
        server, "/query/batch", #"{"searches":\#(list("{}", 1_001))}"#, "at most 1000 searches, got 1001")
      let search = #"{"limit":16384}"#
      try await expectRefused(
        server, "/query/batch", #"{"searches":\#(list(search, 245))}"#, "at most 4000000, got 4014080")
      let answer = try await server.post(
        "/collections/c/points/query/batch", #"{"searches":\#(list(search, 3))}"#)
      #expect(try answer.result?.array?.count == 3, "\(answer.text)")
    }
  }
}
