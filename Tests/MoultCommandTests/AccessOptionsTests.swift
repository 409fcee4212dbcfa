import ArgumentParser
import Foundation
import Testing

@testable import MoultCommand

@Suite("Access options")
struct AccessOptionsTests {
  @Test("addresses that only this machine reaches")
  func loopback() {
    for host in ["127.0.0.1", "127.8.9.10", "::1", "localhost", "LOCALHOST"] {
      #expect(AccessOptions.isLoopback(host), "\(host)")
    }
    for host in ["0.0.0.0", "::", "10.0.0.127", "::2", "::1:0", "example.org", "", "127.0.0.1.example.org"] {
      #expect(!AccessOptions.isLoopback(host), "\(host)")
    }
  }

  private func choice(_ line: String, host: String = "127.0.0.1") throws -> AccessOptions.Choice {
    try AccessOptions.parse(line.split(separator: " ").map(String.init)).choice(host: host)
  }

  @Test("an address of the network wants a token of one's own, or a word that it is meant")
  func network() throws {
    for line in ["", "--no-auth", "--read-only-token r"] {
      let failure = try #require(throws: CommandFailure.self) { _ = try choice(line, host: "0.0.0.0") }
      #expect(failure.status == .usage)
      #expect(failure.text.contains("0.0.0.0") && failure.text.contains("--allow-open"))
      #expect(try choice(line + " --allow-open", host: "0.0.0.0").notice?.hasPrefix("warning") == true)
      _ = try choice(line)
    }
    #expect(try choice("--token mine", host: "0.0.0.0").notice == nil)
    #expect(try choice("--token root:Milvus", host: "0.0.0.0").notice?.hasPrefix("warning") == true)
    #expect(try choice("--no-auth").tokens == nil)
  }

  @Test("tokens stand in files; what cannot be one is refused by the file's name")
  func files() throws {
    let directory = try ScratchDirectory(name: "moult-tokens")
    func file(_ name: String, _ text: String) throws -> String {
      let path = directory.path + "/" + name
      try Data(text.utf8).write(to: URL(fileURLWithPath: path))
      return path
    }
    #expect(try TokenFile.read(file("good", "root:secret\n"), option: "--token-file") == "root:secret")
    _ = try choice("--token-file \(file("good", "root:secret\r\n"))", host: "0.0.0.0")
    for text in ["", "\n", "two\nlines\n", " spaces ", String(repeating: "x", count: 5000)] {
      let path = try file("bad", text)
      let failure = try #require(throws: CommandFailure.self) { _ = try choice("--token-file \(path)") }
      #expect(failure.status == .usage)
      #expect(failure.message.contains(path))
    }
    let missing = try #require(throws: CommandFailure.self) { _ = try choice("--token-file /none/here") }
    #expect(missing.message.contains("/none/here"))
    #expect(throws: CommandFailure.self) { _ = try choice("--token same --read-only-token same") }
  }

  @Test("the program ends with status 2 before it makes a data directory")
  func program() async throws {
    let directory = try ScratchDirectory(name: "moult-open")
    let outcome = try await CommandLineTool.run(
      ["serve", "--data", directory.path + "/data", "--host", "0.0.0.0", "--port", "0", "--no-auth"], url: "")
    #expect(outcome.status == CommandStatus.usage.rawValue)
    #expect(outcome.talk.contains("--allow-open"), "\(outcome.talk)")
    #expect(!FileManager.default.fileExists(atPath: directory.path + "/data"))
  }
}
