import Foundation
import Logging
import MoultServerTesting
import MoultTesting
import Synchronization
import Testing

@testable import MoultServer

@Suite("Access")
struct AccessTests {
  @Test("two texts are equal when all their bytes are")
  func equality() {
    var random = SeededGenerator(seed: 1)
    for _ in 0..<2000 {
      // Few letters, so that equal ones and repetitions come up.
      func text() -> [UInt8] {
        (0..<Int.random(in: 0...4, using: &random)).map { _ in .random(in: 97...98, using: &random) }
      }
      let (given, expected) = (text(), text())
      #expect(AccessTokens.areEqual(given, expected) == (given == expected), "\(given) \(expected)")
    }
    #expect(!AccessTokens.areEqual(Array("abab".utf8), Array("ab".utf8)))
    #expect(!AccessTokens.areEqual([], Array("ab".utf8)))
  }

  @Test("each token allows its own, and their parts nothing")
  func tokens() {
    let tokens = AccessTokens(readWrite: "root:Milvus", readOnly: "ann:reads")
    func access(_ text: String) -> Access? { tokens.access(of: Array(text.utf8)) }
    #expect(access("root:Milvus") == .administer)
    #expect(access("ann:reads") == .read)
    for wrong in ["", "root:Milvu", "root:Milvus ", "ann:read", "ann:readsann:reads", "root:reads"] {
      #expect(access(wrong) == nil, "\(wrong)")
    }
    #expect(AccessTokens(readWrite: "a").access(of: []) == nil)
  }

  /// What a token for reading may ask for: all else is refused, so a new route must be thought about here.
  private static let reads: Set<String> = [
    "GET /healthz", "GET /metrics", "GET /moult/v1/openapi.json", "GET /moult/v1/collections",
    "GET /moult/v1/collections/{name}", "GET /moult/v1/collections/{name}/points",
    "POST /moult/v1/collections/{name}/search", "GET /moult/v1/collections/{name}/generations",
    "POST /moult/v1/collections/{name}/switch/plan", "GET /moult/v1/jobs", "GET /moult/v1/jobs/{id}",
    "GET /moult/v1/jobs/{id}/status", "GET /moult/v1/collections/{name}/status",
    "POST /moult/v1/reindex/plan", "GET /moult/v1/backup", "GET /moult/v1/aliases",
    "GET /moult/v1/aliases/{alias}", "GET /moult/v1/history", "GET /moult/v1/embedders",
    "POST /moult/v1/reembed/plan", "POST /moult/v1/compare",
  ]

  @Test(
    "a token for reading reaches what reads, and 403 everywhere else; what it was refused has not happened")
  func readOnly() async throws {
    try await ServerHarness.with(token: "root:Milvus", readOnlyToken: "ann:reads") { server in
      try await server.makeLine()
      let paths = try #require(JSONReader.parse(OpenAPI.document)["paths"]?.object)
      var tried = 0
      for path in paths.members {
        for operation in path.value.object?.members ?? [] where operation.key != "parameters" {
          let method = try #require(ServerHarness.Method(rawValue: operation.key.uppercased()))
          let concrete = path.key.replacingOccurrences(of: "{name}", with: "line")
            .replacingOccurrences(of: "{alias}", with: "a").replacingOccurrences(of: "{id}", with: "1")
          for header in ["Bearer ann:reads", "Basic YW5uOnJlYWRz"] {
            let answer = try await server.send(
              method, concrete, method == .get ? nil : Array("{}".utf8), headers: [("Authorization", header)])
            if Self.reads.contains("\(method.rawValue) \(path.key)") {
              #expect(![401, 403].contains(answer.status), "\(method) \(path.key)")
            } else {
              #expect(answer.status == 403, "\(method) \(path.key)")
              #expect(answer.errorCode == "permissionDenied")
              #expect(answer.errorMessage.contains("only allows reading"))
            }
          }
          tried += 1
        }
      }
      #expect(tried >= Self.reads.count + 15)
      // A comparison may be asked for, and not one that lets others drop something.
      let verdict = try await server.send(
        .post, "/moult/v1/compare",
        Array(#"{"a":"line","b":"line","queries":[[1,0]],"minimumOverlap":0}"#.utf8),
        headers: [("Authorization", "Bearer ann:reads")])
      #expect(verdict.status == 403, "\(verdict.text)")
      #expect(try await server.get("/moult/v1/collections/line").json["count"] == .int(4))
    }
  }

  @Test("at the most talkative level the log has no token, in whatever form it came")
  func log() async throws {
    let lines = Mutex<[String]>([])
    struct Recorder: LogHandler {
      let note: @Sendable (String) -> Void
      var metadata: Logger.Metadata = [:]
      var logLevel = Logger.Level.trace
      subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
      }
      func log(event: LogEvent) { note("\(event.message) \(metadata) \(event.metadata ?? [:])") }
    }
    let recorder = Recorder { line in lines.withLock { $0.append(line) } }
    let logger = Logger(label: "access") { _ in recorder }
    let secrets = ["sesame:Opens", "ann:Reads77", "nobody:Knows"]
    try await ServerHarness.with(token: secrets[0], readOnlyToken: secrets[1], logger: logger) { server in
      for secret in secrets {
        let base64 = Data(secret.utf8).base64EncodedString()
        for form in ["Bearer \(secret)", "Basic \(base64)", secret, base64] {
          let headers = [("Authorization", form)]
          for path in ["/moult/v1/collections", "/moult/v1/nowhere", "/metrics"] {
            _ = try await server.get(path, headers: headers)
          }
          _ = try await server.post("/moult/v1/collections", "{", headers: headers)
          _ = try await server.post(
            "/moult/v1/aliases", #"{"alias":"a","collection":"none"}"#, headers: headers)
          for call in ["/test.Echo/Nothing", "/milvus.proto.milvus.MilvusService/Connect"] {
            _ = try await RawConnection(port: server.port).answers([
              Frame.opening + Frame.call(call, headers: [("authorization", form)])
            ])
          }
          // A head that is no HTTP.
          let broken = "GET / HTTP/1.1\r\nAuthorization: \(form)\r\nbroken\r\n\r\n"
          _ = try await RawConnection(port: server.port).exchange([Array(broken.utf8)])
        }
      }
    }
    let log = lines.withLock { $0.joined(separator: "\n") }
    #expect(log.contains("/moult/v1/collections"), "the log should have been written")
    for secret in secrets {
      let password = String(secret.split(separator: ":")[1])
      #expect(!log.contains(password))
      #expect(!log.contains(Data(secret.utf8).base64EncodedString()))
    }
  }
}
