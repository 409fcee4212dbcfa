import Foundation
import Testing

@testable import MoultCommand

/// The program as server and as client, over TLS.
@Suite("A server over TLS")
struct SecureServerTests {
  @Test("commands reach it by https with its certificate; without, and over http, they say why not")
  func commands() async throws {
    let directory = try ScratchDirectory(name: "moult-tls")
    let (certificate, key) = (directory.path + "/certificate.pem", directory.path + "/key.pem")
    let openssl = Process()
    openssl.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    openssl.arguments =
      ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
      + ["-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
      + ["-keyout", key, "-out", certificate]
    openssl.standardError = FileHandle.nullDevice
    try openssl.run()
    openssl.waitUntilExit()

    let data = directory.path + "/data"
    let broken = try await CommandLineTool.run(
      ["serve", "--data", data, "--port", "0", "--tls-certificate", key, "--tls-key", key], url: "")
    #expect(broken.status == CommandStatus.usage.rawValue)
    #expect(broken.talk.contains(key), "\(broken.talk)")

    let server = try await ServerProcess(
      dataDirectory: data, executable: CommandLineTool.path,
      arguments: ["--tls-certificate", certificate, "--tls-key", key])
    #expect(server.url.hasPrefix("https://127.0.0.1:"))
    // A second server on the same data is refused.
    let second = try await CommandLineTool.run(["serve", "--data", data, "--port", "0"], url: "")
    #expect(second.status == CommandStatus.failure.rawValue)
    #expect(second.talk.contains("stop the other process"), "\(second.talk)")

    let good = try await CommandLineTool.run(
      ["collections", "--ca-certificate", certificate], url: server.url)
    #expect(good.status == 0, "\(good.talk)")
    let stranger = try await CommandLineTool.run(["collections"], url: server.url)
    #expect(stranger.status == CommandStatus.unreachable.rawValue)
    #expect(stranger.talk.contains("--ca-certificate"), "\(stranger.talk)")
    let plain = server.url.replacingOccurrences(of: "https", with: "http")
    #expect(
      try await CommandLineTool.run(["collections"], url: plain).status == CommandStatus.unreachable.rawValue)
    await server.stop()
  }
}
