import MoultServerTesting
import Testing

@testable import MoultEngine
@testable import MoultServer

@Suite("Overload")
struct OverloadTests {
  private static let health = Array("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n".utf8)

  @Test("searches beyond the queue are told to come back: 429 with Retry-After")
  func searches() async throws {
    try await ServerHarness.with(queuedSearchesMax: 0) { server in
      try await server.makeLine()
      let admission = server.engine.resources.admission
      var entered = 0
      while (try? admission.enter()) != nil { entered += 1 }
      let path = "/moult/v1/collections/line"
      for answer in [
        try await server.post(path + "/search", #"{"queries":[[1,1]]}"#),
        try await server.get(path + "/points"),
      ] {
        #expect(answer.status == 429)
        #expect(answer.errorCode == "overloaded")
        #expect(answer.header("retry-after") == "1")
      }
      // What does not search is answered.
      #expect(try await server.get(path).status == 200)
      for _ in 0..<entered { admission.leave() }
      #expect(try await server.post(path + "/search", #"{"queries":[[1,1]]}"#).status == 200)
      let metrics = try await server.get("/metrics").text
      // Filling it up was refused once, too.
      #expect(metrics.contains("moult_searches_refused_total 3\n"), "\(metrics)")
      #expect(metrics.contains("moult_searches_under_way 0\n"))
    }
  }

  @Test("calls beyond those that may wait are refused with RESOURCE_EXHAUSTED")
  func calls() async throws {
    let api = WaitingAPI()
    try await ServerHarness.with(
      configure: { $0.queuedCallsMax = 1 }, protocols: { _ in [api] },
      { server in
        // One stream a call: 64 are worked on, one waits, one is too many.
        let count = RPCTable.callsAtOnceMax + 2
        let streams = (0..<UInt32(count)).map { 1 + 2 * $0 }
        let connection = try RawConnection(port: server.port)
        let bytes = await connection.exchange([
          Frame.opening + streams.flatMap { Frame.call("/test.Waiting/Read", stream: $0, [1]) }
        ]) { bytes in (try? Answers(bytes).ended.isEmpty) == false }
        let answers = try Answers(bytes ?? [])
        let refused = try #require(answers.ended.first)
        #expect(answers.ended.count == 1)
        #expect(answers.status(refused) == "8")
        #expect(answers.text(refused)?.contains("try again") == true)
      })
  }

  @Test("connections beyond the limit are told so in their protocol, and served when others have gone")
  func connections() async throws {
    try await ServerHarness.with(
      configure: { $0.connectionsMax = 2 },
      { server in
        var open: [RawConnection] = []
        for _ in 0..<2 {
          let connection = try RawConnection(port: server.port)
          let bytes = await connection.exchange([Self.health]) {
            String(decoding: $0, as: UTF8.self).contains("ok")
          }
          #expect(String(decoding: bytes ?? [], as: UTF8.self).hasPrefix("HTTP/1.1 200"))
          open.append(connection)
        }
        let rest = try #require(await RawConnection(port: server.port).exchange([Self.health]))
        let text = String(decoding: rest, as: UTF8.self)
        #expect(text.hasPrefix("HTTP/1.1 503"))
        #expect(text.lowercased().contains("retry-after: 1\r\n"))
        #expect(text.contains("overloaded"))
        let rpc = try #require(
          await RawConnection(port: server.port).exchange([Frame.opening + Frame.call("/test.Echo/Echo")]))
        #expect(try Answers(rpc).saysGoodbye)

        // Those who are served go on being served.
        let again = await open[0].exchange([Self.health]) {
          String(decoding: $0, as: UTF8.self).contains("ok")
        }
        #expect(String(decoding: again ?? [], as: UTF8.self).hasPrefix("HTTP/1.1 200"))
        open.removeAll()
        while try await server.get("/healthz").status != 200 {}
        let metrics = try await server.get("/metrics").text
        #expect(metrics.contains("moult_connections 1\n"), "\(metrics)")
        #expect(!metrics.contains("moult_connections_refused_total 0\n"))
      })
  }

  @Test("many more connections than are refused with words neither hang nor hurt those that are served")
  func flood() async throws {
    try await ServerHarness.with(
      configure: { $0.connectionsMax = 1 },
      { server in
        #expect(try await server.get("/healthz").status == 200)
        var flood: [RawConnection] = []
        for _ in 0..<200 { flood.append(try RawConnection(port: server.port)) }
        let last = flood.removeLast()
        // Closed at once, or told; `nil` would mean that it was left waiting.
        #expect(await last.exchange([Self.health]) != nil)
        #expect(try await server.get("/healthz").status == 200)
      })
  }

  @Test("bytes of a loan go back when it is forgotten")
  func loan() {
    let budget = ByteBudget(limit: 10)
    do {
      let loan = ByteLoan(from: budget)
      #expect(loan.take(6) && loan.take(4) && !loan.take(1))
      #expect(budget.bytesTaken == 10)
    }
    #expect(budget.bytesTaken == 0)
  }

  @Test("a body in chunks is refused as soon as it is too long, on every route that takes one")
  func chunked() async throws {
    try await ServerHarness.with(bodyBytesMax: 1000) { server in
      let paths = try #require(JSONReader.parse(OpenAPI.document)["paths"]?.object)
      var tried = 0
      // A restore takes whatever comes.
      for path in paths.members where path.key != "/moult/v1/restore" {
        for operation in path.value.object?.members ?? []
        where ["post", "put", "patch"].contains(operation.key) {
          // 0x400 bytes, and the body does not end there.
          let head =
            "\(operation.key.uppercased()) \(path.key.replacing("{id}", with: "1")) HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
          let chunk = "400\r\n" + String(repeating: " ", count: 0x400) + "\r\n"
          let answer = await RawConnection.text(port: server.port, head + chunk)
          #expect(answer.hasPrefix("HTTP/1.1 413"), "\(path.key): \(answer)")
          let announced =
            "\(operation.key.uppercased()) \(path.key) HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n"
          #expect(
            await RawConnection.text(port: server.port, announced).hasPrefix("HTTP/1.1 413"), "\(path.key)")
          tried += 1
        }
      }
      #expect(tried > 15)
    }
  }
}

extension RawConnection {
  /// What comes back before the headers end, or until the server closes.
  static func text(port: Int, _ request: String) async -> String {
    let bytes = try? await RawConnection(port: port).exchange([Array(request.utf8)]) {
      String(decoding: $0, as: UTF8.self).contains("\r\n\r\n")
    }
    return String(decoding: (bytes ?? nil) ?? [], as: UTF8.self)
  }
}
