import MoultModel
import MoultServer
import MoultServerTesting
import MoultTesting
import NIOCore
import Testing

@Suite("Server")
struct ServerTests {
  @Test("health is open, everything else wants the token")
  func authentication() async throws {
    try await ServerHarness.with(token: "root:Milvus") { server in
      let health = try await server.get("/healthz", headers: [("Authorization", "")])
      #expect(health.status == 200)
      #expect(try health.json["status"] == .string("ok"))

      let wrong = [
        "", "Bearer root:milvus", "Bearer root:Milvus2", "Bearer root:Milvu", "Bearer ", "Bearer",
        "root:Milvus",
        "Basic cm9vdDpNaWx2dQ==", "Basic ???", "Digest root:Milvus",
      ]
      for header in wrong {
        for path in ["/moult/v1/collections", "/metrics", "/nowhere"] {
          let answer = try await server.get(path, headers: [("Authorization", header)])
          #expect(answer.status == 401, "\(header)")
          #expect(answer.errorCode == "unauthenticated")
          #expect(!answer.text.contains("Milvus"), "the token must not be told")
        }
      }
      // "root:Milvus" in base64, as curl -u sends it.
      for header in ["Bearer root:Milvus", "bearer root:Milvus", "Basic cm9vdDpNaWx2dXM="] {
        let answer = try await server.get("/moult/v1/collections", headers: [("Authorization", header)])
        #expect(answer.status == 200, "\(header)")
      }
    }
  }

  @Test("without a token everyone is served, with any header")
  func open() async throws {
    try await ServerHarness.with { server in
      let answer = try await server.get("/moult/v1/collections", headers: [("Authorization", "Bearer x:y")])
      #expect(answer.status == 200)
    }
  }

  @Test("a body that is too large is refused and the server lives")
  func tooLarge() async throws {
    try await ServerHarness.with(bodyBytesMax: 10_000) { server in
      let answer = try await server.post("/moult/v1/collections", String(repeating: " ", count: 10_001))
      #expect(answer.status == 413)
      #expect(answer.errorCode == "tooLarge")
      #expect(answer.errorMessage.contains("10000"))
      #expect(answer.header("connection") == "close")
      let fits = try await server.post(
        "/moult/v1/collections", #"{"name":"a","dimension":2}"# + String(repeating: " ", count: 9_000))
      #expect(fits.status == 201)
    }
  }

  @Test("unknown routes and methods are 404 in the words of their protocol")
  func unknownRoutes() async throws {
    try await ServerHarness.with { server in
      let answer = try await server.get("/moult/v1/nothing")
      #expect(answer.status == 404)
      #expect(answer.errorCode == "routeNotFound")
      #expect(try await server.send(.delete, "/moult/v1/collections").status == 404)
      let other = try await server.get("/moult/v10")
      #expect(other.status == 404)
      #expect(other.text == "404 page not found")
    }
  }

  @Test("metrics count requests by route and status and tell of collections and jobs")
  func metrics() async throws {
    try await ServerHarness.with { server in
      try await server.makeLine()
      _ = try await server.get("/moult/v1/collections/none")
      _ = try await server.get("/moult/v1/collections/other")
      let text = try await server.get("/metrics").text
      #expect(
        text.contains(
          #"moult_http_request_seconds_count{method="GET",route="/moult/v1/collections/{name}",status="404"} 2"#
        ))
      #expect(text.contains(#"le="+Inf""#))
      #expect(text.contains(#"moult_collection_points{collection="line"} 4"#), "\(text)")
      #expect(text.contains(#"moult_collection_bytes_per_vector{collection="line",quantization="none"} "#))
      #expect(text.contains(#"moult_jobs{state="running"} 0"#))
      #expect(!text.contains("/none"), "labels must stay few")
    }
  }

  @Test("long polls and a job at work do not hold up the end of the server")
  func shutdownDuringPoll() async throws {
    let clock = ContinuousClock()
    let directory = TemporaryDirectory()
    let (poll, asked, id) = try await ServerHarness.with(directory: directory, segmentRowsMax: 4000) {
      server in
      _ = try await server.post("/moult/v1/collections", #"{"name":"big","dimension":64,"metric":"l2"}"#)
      var random = SeededGenerator(seed: 3)
      let frame = PointFrame(
        count: 8000, dimension: 64, ids: (0..<8000).map { .int64($0) },
        vectors: (0..<8000 * 64).map { _ in Float.random(in: -1...1, using: &random) })
      _ = try await server.send(
        .post, "/moult/v1/collections/big/points", Array(frame.encode().readableBytesView),
        type: PointFrame.mediaType)
      // Long enough to be at work still when the server is asked to end.
      let job = try await server.post(
        "/moult/v1/collections/big/switch",
        #"{"specification":{"index":{"hnsw":{"m":48,"efConstruction":2000}}}}"#)
      let id = try #require(try job.json["id"]?.int)
      var seen = try await server.get("/moult/v1/jobs/\(id)").json
      while seen["progress"]?["phase"]?.string != "index" {
        try #require(["available", "running"].contains(seen["state"]?.string), "\(seen)")
        seen = try await server.get("/moult/v1/jobs/\(id)?wait=5").json
      }
      let poll = Task {
        while true {
          let answer = try await server.get("/moult/v1/jobs/\(id)?wait=30")
          if answer.header("connection") == "close" || answer.status != 200 { return answer.status }
        }
      }
      return (poll, clock.now, id)
    }
    // The harness gives requests 300 s.
    #expect(clock.now - asked < .seconds(200))
    _ = try? await poll.value
    try await ServerHarness.with(directory: directory, segmentRowsMax: 4000) { server in
      let job = try await server.get("/moult/v1/jobs/\(id)").json
      #expect(
        ["available", "running"].contains(job["state"]?.string), "the server waited for its job: \(job)")
    }
  }

  @Test("what was written is there after a restart, and the directory was given back")
  func restart() async throws {
    let directory = TemporaryDirectory()
    try await ServerHarness.with(directory: directory) { server in
      try await server.makeLine()
      _ = try await server.post("/moult/v1/aliases", #"{"alias":"current","collection":"line"}"#)
    }
    try await ServerHarness.with(directory: directory) { server in
      #expect(try await server.get("/moult/v1/collections/current").json["count"] == .int(4))
      let answer = try await server.post(
        "/moult/v1/collections/current/search", #"{"queries":[[2.9,0]],"limit":1}"#)
      #expect(try answer.json["hits"]?.array?.first?.array?.first?["id"] == .int(4))
    }
  }

  @Test("an address that is taken is told, and the engine is closed")
  func addressInUse() async throws {
    try await ServerHarness.with { server in
      let directory = TemporaryDirectory()
      let error = try await #require(throws: MoultError.self) {
        try await ServerHarness.with(directory: directory, port: server.port) { _ in }
      }
      #expect(error.message.contains("127.0.0.1:\(server.port)"))
      try await ServerHarness.with(directory: directory) { _ in }
    }
  }
}
