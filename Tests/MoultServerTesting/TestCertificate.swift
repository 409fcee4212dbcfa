internal import Foundation
internal import MoultTesting

/// A certificate of this machine that vouches for itself, made by openssl in a temporary directory.
package final class TestCertificate: Sendable {
  private let directory = TemporaryDirectory()
  package var path: String { directory.path + "/certificate.pem" }
  package var keyPath: String { directory.path + "/key.pem" }

  package init() throws { try renew() }

  /// Puts another one with another key in its place.
  package func renew() throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments =
      [
        "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
        "-days", "2",
      ]
      + ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
      + ["-keyout", keyPath, "-out", path]
    process.standardError = FileHandle.nullDevice
    process.standardOutput = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else { throw CocoaError(.fileWriteUnknown) }
  }
}
