import HTTPTypes
import Hummingbird
import MoultModel
import MoultServer
import MoultServerTesting
import NIOCore
import NIOHPACK
import Synchronization
import Testing

/// Procedures to call, none of which knows a collection.
private struct EchoAPI: WireAPI {
  let begun = AsyncStream.makeStream(of: Void.self)
  let go = AsyncStream.makeStream(of: Void.self)

  var root: String { "/test" }
  func addRoutes(to routes: GuardedRoutes) {}
  func response(to error: MoultError) -> Response { Response(status: .badRequest) }
  func responseToUnknownRoute(_ request: Request) -> Response { Response(status: .notFound) }

  var rpcMethods: [RPCMethod] {
    [
      RPCMethod(path: "/test.Echo/Echo", .read) { message, _ in message },
      RPCMethod(path: "/test.Echo/Change", .write) { message, _ in message },
      RPCMethod(path: "/test.Echo/Name", .read) { _, call in ByteBuffer(string: call.metadata("name") ?? "")
      },
      RPCMethod(path: "/test.Echo/Requester", .read) { _, _ in ByteBuffer(string: Requester.name ?? "nobody")
      },
      RPCMethod(path: "/test.Echo/Fail", .read) { _, _ in throw RPCError(.unavailable, "100 % späť") },
      RPCMethod(path: "/test.Echo/Wait", .read) { message, _ in
        begun.continuation.yield()
        for await _ in go.stream { return message }
        throw CancellationError()
      },
    ]
  }
}

@Suite("gRPC on the port of REST")
struct RPCTests {
  private static func serve(
    token: String? = nil, readOnlyToken: String? = nil,
    _ body: @Sendable @escaping (ServerHarness, EchoAPI) async throws -> Void
  ) async throws {
    let api = EchoAPI()
    try await ServerHarness.with(
      token: token, readOnlyToken: readOnlyToken, protocols: { _ in [api] }, { try await body($0, api) })
  }

  /// One call on a connection of its own.
  private static func call(
    _ server: ServerHarness, _ path: String, _ bytes: [UInt8] = [], headers: [(String, String)] = []
  ) async throws -> Answers {
    try await RawConnection(port: server.port).answers([
      Frame.opening + Frame.call(path, bytes, headers: headers)
    ])
  }

  @Test("a message comes back, and REST answers beside it")
  func echo() async throws {
    try await Self.serve { server, _ in
      let answers = try await Self.call(server, "/test.Echo/Echo", [1, 2, 3])
      #expect(answers.status() == "0")
      #expect(answers.data[1] == Frame.message([1, 2, 3]))
      #expect(answers.headers[1]?.first(name: ":status") == "200")
      let named = try await Self.call(server, "/test.Echo/Name", headers: [("name", "ada")])
      #expect(named.data[1] == Frame.message(Array("ada".utf8)))
      #expect(try await server.get("/healthz").status == 200)
    }
  }

  @Test("who asks is known while the call is carried out")
  func requester() async throws {
    try await Self.serve { server, _ in
      let named = try await Self.call(server, "/test.Echo/Requester", headers: [("moult-requester", "ada")])
      #expect(named.data[1] == Frame.message(Array("ada".utf8)))
      let unnamed = try await Self.call(server, "/test.Echo/Requester")
      #expect(unnamed.data[1] == Frame.message(Array("nobody".utf8)))
    }
  }

  @Test("first bytes may come one by one, of either protocol")
  func slowly() async throws {
    try await Self.serve { server, _ in
      let bytes = Frame.opening + Frame.call("/test.Echo/Echo", [7])
      let rpc = try await RawConnection(port: server.port).answers(bytes.map { [$0] })
      #expect(rpc.data[1] == Frame.message([7]))

      let request = Array("GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".utf8)
      let rest = try #require(try await RawConnection(port: server.port).exchange(request.map { [$0] }))
      #expect(String(decoding: rest, as: UTF8.self).hasPrefix("HTTP/1.1 200"))
      // Begins as the preface does.
      let post = Array("P".utf8)
      let more = Array(
        "OST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".utf8)
      let other = try #require(try await RawConnection(port: server.port).exchange([post, more]))
      #expect(String(decoding: other, as: UTF8.self).hasPrefix("HTTP/1.1 404"))
    }
  }

  @Test("what cannot be called says so with gRPC's codes")
  func failures() async throws {
    try await Self.serve { server, _ in
      let unknown = try await Self.call(server, "/milvus.proto.milvus.MilvusService/FlyToTheMoon")
      #expect(unknown.status() == "12")
      let thrown = try await Self.call(server, "/test.Echo/Fail")
      #expect(thrown.status() == "14")
      #expect(thrown.text() == "100 %25 sp%c3%a4%c5%a5")
      let compressed = try await Self.call(server, "/test.Echo/Echo", headers: [("grpc-encoding", "gzip")])
      #expect(compressed.status() == "12")
      let web = try await RawConnection(port: server.port).answers([
        Frame.opening + Frame.headers("/test.Echo/Echo", stream: 1, type: "application/json")
          + Frame.data([], stream: 1, ends: true)
      ])
      #expect(web.headers[1]?.first(name: ":status") == "415")
    }
  }

  @Test(
    "broken messages fail alone: the connection's other calls are answered",
    arguments: [
      (Frame.message([1], claiming: 1 << 30), "8"),
      (Frame.message([1], claiming: .max), "8"),
      (Frame.message([1], flag: 1), "12"),
      (Frame.message([1, 2]) + Frame.message([3]), "12"),
      (Frame.message([1, 2], claiming: 3), "13"),
      ([0, 0], "13"),
      ([], "13"),
    ] as [([UInt8], String)])
  func brokenMessage(bytes: [UInt8], status: String) async throws {
    try await Self.serve { server, _ in
      let connection = try RawConnection(port: server.port)
      let answers = try await connection.answers(
        [
          Frame.opening + Frame.headers("/test.Echo/Echo", stream: 1)
            + Frame.headers("/test.Echo/Echo", stream: 3)
            + Frame.data(bytes, stream: 1, ends: true) + Frame.data(Frame.message([9]), stream: 3, ends: true)
        ], streams: [1, 3])
      #expect(answers.status(1) == status)
      #expect(answers.data[3] == Frame.message([9]))
      #expect(!answers.saysGoodbye)
    }
  }

  @Test("garbage closes its own connection; calls of others go on")
  func garbage() async throws {
    try await Self.serve { server, api in
      let waiting = Task {
        try await RawConnection(port: server.port).answers([
          Frame.opening + Frame.call("/test.Echo/Wait", [5])
        ])
      }
      for await _ in api.begun.stream { break }
      let broken: [[UInt8]] = [
        Frame.opening + [UInt8](repeating: 0xFF, count: 100),
        // A frame longer than any that is allowed.
        Frame.opening + [0xFF, 0xFF, 0xFF, 0, 0, 0, 0, 0, 1],
        // Data of a stream that was never opened.
        Frame.opening + Frame.data([1], stream: 9, ends: true),
        // Headers that are no HPACK.
        Frame.opening + Frame.frame(1, 5, 1, [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]),
        // Not the preface in its last byte: no HTTP/1.1 either.
        Array(Frame.preface.dropLast()) + [0],
      ]
      for bytes in broken {
        // `nil` would mean that the connection stayed open.
        let connection = try RawConnection(port: server.port)
        #expect(await connection.exchange([bytes]) != nil)
      }
      api.go.continuation.yield()
      let waited = try await waiting.value
      #expect(waited.data[1] == Frame.message([5]))
    }
  }

  @Test("a connection cut in the middle of a message leaves nothing behind")
  func cut() async throws {
    try await Self.serve { server, _ in
      for _ in 0..<20 {
        let connection = try RawConnection(port: server.port)
        let half = Frame.message([UInt8](repeating: 1, count: 16_000), claiming: 200 << 20)
        _ = await connection.exchange([
          Frame.opening + Frame.headers("/test.Echo/Echo", stream: 1)
            + Frame.data(half, stream: 1, ends: false)
        ]) { !$0.isEmpty }
      }
      #expect(try await Self.call(server, "/test.Echo/Echo", [1]).status() == "0")
    }
  }

  @Test("hundreds of pings without a call are answered")
  func pings() async throws {
    try await Self.serve { server, _ in
      let connection = try RawConnection(port: server.port)
      let bytes = await connection.exchange(
        [Frame.opening] + (0..<500).map { Frame.ping(UInt8($0 & 255)) }
      ) { ((try? Answers($0))?.pings ?? 0) >= 500 }
      let answers = try Answers(try #require(bytes))
      #expect(answers.pings == 500)
      #expect(!answers.saysGoodbye)
      let after = try await connection.answers([Frame.call("/test.Echo/Echo", [1])])
      #expect(after.data[1] == Frame.message([1]))
    }
  }

  @Test("the token is asked for, as Milvus' clients show it")
  func authorization() async throws {
    try await Self.serve(token: "root:Milvus") { server, _ in
      let missing = try await Self.call(server, "/test.Echo/Echo")
      #expect(missing.status() == "16")
      #expect(missing.text() == "missing authorization in header")
      let base64 = "cm9vdDpNaWx2dXM="
      for good in [base64, "Bearer root:Milvus", "Basic \(base64)"] {
        let answers = try await Self.call(server, "/test.Echo/Echo", headers: [("authorization", good)])
        #expect(answers.status() == "0")
      }
      let wrong = try await Self.call(server, "/test.Echo/Echo", headers: [("authorization", "cm9vdDp4")])
      #expect(wrong.status() == "16")
      #expect(wrong.text() == "auth check failure, please check username and password are correct")
      let odd = try await Self.call(server, "/test.Echo/Echo", headers: [("authorization", "%%%")])
      #expect(odd.text() == "invalid token format")
    }
  }

  @Test("a token for reading calls what reads and nothing else")
  func readOnly() async throws {
    try await Self.serve(token: "root:Milvus", readOnlyToken: "ann:reads") { server, _ in
      for token in ["YW5uOnJlYWRz", "Bearer ann:reads", "Basic YW5uOnJlYWRz"] {
        let header = [("authorization", token)]
        #expect(try await Self.call(server, "/test.Echo/Echo", headers: header).status() == "0")
        let refused = try await Self.call(server, "/test.Echo/Change", [1], headers: header)
        #expect(refused.status() == "7")
        #expect(refused.text()?.contains("only allows reading") == true)
      }
      let full = [("authorization", "Bearer root:Milvus")]
      #expect(try await Self.call(server, "/test.Echo/Change", headers: full).status() == "0")
    }
  }

  @Test("a deadline that passes ends the call")
  func deadline() async throws {
    try await Self.serve { server, _ in
      let answers = try await Self.call(server, "/test.Echo/Wait", headers: [("grpc-timeout", "50m")])
      #expect(answers.status() == "4")
    }
  }

  @Test("the server ends though clients hold connections open")
  func shutdown() async throws {
    let connections = Mutex<[RawConnection]>([])
    let start = Mutex(ContinuousClock.now)
    try await Self.serve { server, _ in
      let silent = try RawConnection(port: server.port)
      let idle = try RawConnection(port: server.port)
      #expect(try await idle.answers([Frame.opening + Frame.call("/test.Echo/Echo", [1])]).status() == "0")
      connections.withLock { $0 = [silent, idle] }
      start.withLock { $0 = .now }
    }
    // The harness gives calls under way 300 s; there are none.
    #expect(ContinuousClock.now - start.withLock(\.self) < .seconds(200))
    withExtendedLifetime(connections) {}
  }
}
