import Foundation
import MoultModel
import MoultTesting
import Testing

@testable import MoultEmbedding

@Suite("Embedders that a server may use")
struct EmbedderDirectoryTests {
  private func embedder(_ url: String, keyFile: String? = nil, keyVariable: String? = nil) -> Embedder {
    Embedder(
      name: "e", url: url, model: "m", dimension: 4, keyFile: keyFile, keyVariable: keyVariable)
  }

  @Test(
    "a url leads to a host and port that were named, or is refused",
    arguments: [
      ("http://127.0.0.1:8080/v1/embeddings", true), ("http://127.0.0.1:8081/v1/embeddings", false),
      ("http://127.0.0.1/v1/embeddings", false), ("https://API.example.com/v1/embeddings", true),
      ("https://api.example.com:443/x", true), ("http://api.example.com/x", true),
      ("https://api.example.com:8443/x", false), ("https://api.example.com.evil.org/x", false),
      ("https://api.example.com@evil.org/x", false), ("https://user:pass@api.example.com/x", false),
      ("http://[::1]:9000/x", true), ("ftp://api.example.com/x", false), ("file:///etc/passwd", false),
      ("//api.example.com/x", false), ("", false),
    ])
  func hosts(url: String, isAllowed: Bool) throws {
    let hosts = try EmbedderHosts(["127.0.0.1:8080", "api.example.com", "[::1]:9000"])
    if isAllowed {
      _ = try hosts.check(url)
    } else {
      #expect(throws: MoultError.self) { _ = try hosts.check(url) }
    }
  }

  @Test(
    "what is no host is refused", arguments: ["", "a b", "http://x", "x/y", "x:0", "x:99999", "x:", "u@x"])
  func malformedHosts(text: String) {
    #expect(throws: MoultError.self) { _ = try EmbedderHosts([text]) }
  }

  @Test("a key is read from the folder alone, and never without encryption to another machine")
  func keys() async throws {
    let directory = TemporaryDirectory()
    let folder = directory.path + "/keys"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    try "sk-secret-7\n".write(toFile: folder + "/good", atomically: true, encoding: .utf8)
    try "two words".write(toFile: folder + "/bad", atomically: true, encoding: .utf8)
    try "sk-outside".write(toFile: directory.path + "/outside", atomically: true, encoding: .utf8)
    try FileManager.default.createSymbolicLink(
      atPath: folder + "/link", withDestinationPath: directory.path + "/outside")
    let embedders = EmbedderDirectory(
      hosts: try EmbedderHosts(["127.0.0.1:1", "api.example.com"]), folder: folder)
    let local = "http://127.0.0.1:1/v1/embeddings"
    try embedders.check(embedder(local, keyFile: "good"))
    try embedders.check(embedder("https://api.example.com/v1", keyFile: "good"))
    for refused in [
      embedder(local, keyFile: "bad"), embedder(local, keyFile: "../outside"),
      embedder(local, keyFile: "link"),
      embedder(local, keyFile: "none"), embedder("http://api.example.com/v1", keyFile: "good"),
      embedder(local, keyVariable: "PATH"), embedder(local, keyVariable: "MOULT_API_KEY"),
      embedder(local, keyVariable: "PATH\0_API_KEY"), embedder(local, keyVariable: "lower_API_KEY"),
      embedder(local, keyVariable: "MOULT_TEST_NO_SUCH_API_KEY"),
    ] {
      let error = #expect(throws: MoultError.self) { try embedders.check(refused) }
      #expect(error?.message.contains("sk-") == false && error?.message.contains("two words") == false)
    }
    await embedders.shutdown()
  }
}
