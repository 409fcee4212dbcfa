import Foundation
import MoultServer
import MoultServerTesting
import Testing

/// The cURL examples of Milvus' page "Manage Aliases", run by curl itself.
@Suite("Milvus REST: curl")
struct CurlTests {
  @Test("the examples of the page give its answers")
  func manageAliases() async throws {
    try await withMilvus(token: "root:Milvus") { server in
      for name in ["my_collection_1", "my_collection_2"] {
        let made = try await curl(
          server, "collections/create", #"{"collectionName": "\#(name)", "dimension": 5}"#)
        #expect(made == .object(["code": .int(0), "data": .object([:])]))
      }

      // Create aliases.
      for alias in ["bob", "alice"] {
        let answer = try await curl(
          server, "aliases/create",
          """
          {
              "aliasName": "\(alias)",
              "collectionName": "my_collection_1"
          }
          """)
        #expect(answer == .object(["code": .int(0), "data": .object([:])]))
      }

      // List aliases; their order is not set.
      let all = try await curl(server, "aliases/list", "{}")
      #expect(all["code"] == .int(0))
      #expect(Set(all["data"]?.array?.compactMap(\.string) ?? []) == ["bob", "alice"])

      // Describe an alias.
      let described = try await curl(server, "aliases/describe", #"{"aliasName": "bob"}"#)
      #expect(
        described["data"]
          == .object([
            "aliasName": .string("bob"), "collectionName": .string("my_collection_1"),
            "dbName": .string("default"),
          ]))
      #expect(described["code"] == .int(0))

      // Alter an alias, then look at both collections.
      let altered = try await curl(
        server, "aliases/alter", #"{"collectionName": "my_collection_2", "aliasName": "alice"}"#)
      #expect(altered == .object(["code": .int(0), "data": .object([:])]))
      let first = try await curl(server, "aliases/list", #"{"collectionName": "my_collection_1"}"#)
      #expect(first["data"] == .array([.string("bob")]))
      let second = try await curl(server, "aliases/list", #"{"collectionName": "my_collection_2"}"#)
      #expect(second["data"] == .array([.string("alice")]))

      // Drop an alias.
      let dropped = try await curl(server, "aliases/drop", #"{"aliasName": "bob"}"#)
      #expect(dropped == .object(["code": .int(0), "data": .object([:])]))
      let rest = try await curl(server, "aliases/list", "{}")
      #expect(rest["data"] == .array([.string("alice")]))
    }
  }

  @Test("a wrong token is HTTP 401 and code 1800")
  func wrongToken() async throws {
    try await withMilvus(token: "root:Milvus") { server in
      let answer = try await run([
        "--silent", "--write-out", "\n%{http_code}", "--request", "POST", "--url",
        "\(server.url)/v2/vectordb/aliases/list", "--header", "Authorization: Bearer root:wrong", "-d", "{}",
      ])
      #expect(answer == "{\"code\":1800,\"message\":\"user hasn't authenticated\"}\n401")
    }
  }

  @Test("a body of several megabytes is not held up by Expect: 100-continue")
  func expectContinue() async throws {
    try await withMilvus { server in
      try await server.makeCollection("line")
      let row = #"{"id":1,"vector":[1,2],"text":"\#(String(repeating: "x", count: 3_000_000))"}"#
      let file = FileManager.default.temporaryDirectory.appendingPathComponent(
        "moult-curl-\(UUID().uuidString).json")
      try Data(#"{"collectionName":"line","data":[\#(row)]}"#.utf8).write(to: file)
      defer { try? FileManager.default.removeItem(at: file) }
      let clock = ContinuousClock()
      let start = clock.now
      let answer = try await run([
        "--silent", "--header", "Expect: 100-continue", "--expect100-timeout", "300", "--url",
        "\(server.url)/v2/vectordb/entities/insert", "--data-binary", "@\(file.path)",
      ])
      #expect(answer == #"{"code":0,"cost":0,"data":{"insertCount":1,"insertIds":[1]}}"#)
      #expect(clock.now - start < .seconds(200))
    }
  }

  @Test("a body that is too large is refused before it is sent")
  func refusedEarly() async throws {
    try await withMilvus(bodyBytesMax: 100_000) { server in
      let file = FileManager.default.temporaryDirectory.appendingPathComponent(
        "moult-curl-\(UUID().uuidString).json")
      try Data(repeating: 0x20, count: 3_000_000).write(to: file)
      defer { try? FileManager.default.removeItem(at: file) }
      let answer = try await run([
        "--silent", "--write-out", "\n%{http_code} %{size_upload}", "--header", "Expect: 100-continue",
        "--expect100-timeout", "300",
        "--url", "\(server.url)/v2/vectordb/entities/insert", "--data-binary", "@\(file.path)",
      ])
      #expect(answer.contains(#"{"code":1102,"#), "\(answer)")
      #expect(answer.hasSuffix("\n413 0"), "\(answer)")

      // Without Expect, and without telling the length.
      let chunked = try await run([
        "--silent", "--write-out", "\n%{http_code}", "--header", "Expect:", "--header",
        "Transfer-Encoding: chunked",
        "--url", "\(server.url)/v2/vectordb/entities/insert", "--data-binary", "@\(file.path)",
      ])
      #expect(chunked.hasSuffix("\n413"), "\(chunked)")
      #expect(try await server.get("/healthz").status == 200)
    }
  }

  private func curl(_ server: ServerHarness, _ path: String, _ body: String) async throws -> JSON {
    let text = try await run([
      "--silent", "--request", "POST", "--url", "\(server.url)/v2/vectordb/\(path)", "--header",
      "Authorization: Bearer root:Milvus", "--header", "Content-Type: application/json", "-d", body,
    ])
    return try JSONReader.parse(text)
  }

  /// What curl prints.
  private func run(_ arguments: [String]) async throws -> String {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/curl")
    process.arguments = arguments
    let output = Pipe()
    process.standardOutput = output
    return try await withCheckedThrowingContinuation { continuation in
      // Reading blocks, so it must not stand in the way of the server's own tasks.
      Thread.detachNewThread {
        do {
          try process.run()
          let data = output.fileHandleForReading.readDataToEndOfFile()
          process.waitUntilExit()
          continuation.resume(returning: String(decoding: data, as: UTF8.self))
        } catch {
          continuation.resume(throwing: error)
        }
      }
    }
  }
}
