import AsyncHTTPClient
import Foundation
import MoultModel
import MoultServer
import MoultServerTesting
import NIOCore
import NIOSSL
import Testing

@Suite("TLS")
struct TLSTests {
  private static func serve(
    _ certificate: TestCertificate, patienceSeconds: Double = 10,
    _ body: @Sendable @escaping (ServerHarness, CertificateStore) async throws -> Void
  ) async throws {
    let store = try CertificateStore(certificatePath: certificate.path, keyPath: certificate.keyPath)
    try await ServerHarness.with(
      token: "root:Milvus", trusted: certificate.path,
      configure: {
        $0.certificates = store
        $0.pace.patienceSeconds = patienceSeconds
      }, { try await body($0, store) })
  }

  @Test("REST is answered over it; who does not trust the certificate, or speaks an old version, is not")
  func rest() async throws {
    let certificate = try TestCertificate()
    try await Self.serve(certificate) { server, _ in
      try await server.makeLine()
      #expect(try await server.get("/moult/v1/collections/line").json["count"] == .int(4))
      #expect(try await server.get("/healthz", headers: [("Authorization", "")]).status == 200)

      for change in [
        { $0.trustRoots = .default },
        {
          $0.minimumTLSVersion = .tlsv1
          $0.maximumTLSVersion = .tlsv11
        },
      ] as [(inout TLSConfiguration) -> Void] {
        await #expect(throws: (any Error).self) {
          _ = try await Self.get(server.url + "/healthz", trusting: certificate.path, change)
        }
      }
      #expect(try await Self.get(server.url + "/healthz", trusting: certificate.path) { _ in } == "200")
    }
  }

  private static func get(
    _ url: String, trusting path: String, _ change: (inout TLSConfiguration) -> Void
  ) async throws -> String {
    var tls = TLSConfiguration.makeClientConfiguration()
    tls.trustRoots = .file(path)
    change(&tls)
    var configuration = HTTPClient.Configuration(tlsConfiguration: tls)
    configuration.connectionPool.retryConnectionEstablishment = false
    let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    do {
      let answer = try await client.execute(HTTPClientRequest(url: url), timeout: .seconds(100))
      try await client.shutdown()
      return String("\(answer.status)".prefix(3))
    } catch {
      try await client.shutdown()
      throw error
    }
  }

  @Test("clients without it are cut off, and others are served meanwhile")
  func plain() async throws {
    let certificate = try TestCertificate()
    try await Self.serve(certificate, patienceSeconds: 0.3) { server, _ in
      // A record that is none, and a handshake that does not go on.
      for bytes in [
        Array("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n".utf8), Frame.opening + Frame.call("/a.B/C"),
        [0x16, 0x03, 0x01, 0x02, 0x00, 0x01], [],
      ] as [[UInt8]] {
        let answer = await (try RawConnection(port: server.port)).exchange([bytes])
        #expect(answer != nil)
        #expect(answer.map { !String(decoding: $0, as: UTF8.self).contains("HTTP/1.1") } == true)
      }
      #expect(try await server.get("/healthz").status == 200)
    }
  }

  @Test("a certificate that is renewed is shown after a reload; one that makes no sense changes nothing")
  func reload() async throws {
    let certificate = try TestCertificate()
    try await Self.serve(certificate) { server, store in
      try Data("nonsense".utf8).write(to: URL(fileURLWithPath: certificate.keyPath))
      let error = #expect(throws: MoultError.self) { try store.reload() }
      #expect(error?.message.contains(certificate.keyPath) == true)
      #expect(try await server.get("/healthz").status == 200)

      try certificate.renew()
      await #expect(throws: (any Error).self) {
        _ = try await Self.get(server.url + "/healthz", trusting: certificate.path) { _ in }
      }
      try store.reload()
      #expect(try await Self.get(server.url + "/healthz", trusting: certificate.path) { _ in } == "200")
    }
  }

  @Test("files that are missing, nonsense or strangers to each other are refused by name")
  func files() throws {
    let (one, other) = (try TestCertificate(), try TestCertificate())
    for (certificate, key, named) in [
      ("/none/certificate", one.keyPath, "/none/certificate"), (one.path, "/none/key", "/none/key"),
      (one.keyPath, one.keyPath, one.keyPath), (one.path, one.path, one.path),
      (one.path, other.keyPath, other.keyPath),
    ] {
      let error = #expect(throws: MoultError.self) {
        _ = try CertificateStore(certificatePath: certificate, keyPath: key)
      }
      #expect(error?.code == .invalidArgument)
      #expect(error?.message.contains(named) == true, "\(String(describing: error))")
    }
  }
}
