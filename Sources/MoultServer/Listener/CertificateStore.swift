internal import MoultModel
internal import NIOSSL
internal import Synchronization

/// The certificate that a server shows, from files that may be replaced while it runs.
package final class CertificateStore: Sendable {
  private let certificatePath: String
  private let keyPath: String
  private let current: Mutex<NIOSSLContext>

  /// - Parameters:
  ///   - certificatePath: PEM: the server's own certificate, then those that vouch for it.
  ///   - keyPath: PEM: the private key of the first of them, without a passphrase.
  /// - Throws: `invalidArgument` that names the file.
  package init(certificatePath: String, keyPath: String) throws {
    self.certificatePath = certificatePath
    self.keyPath = keyPath
    current = Mutex(try Self.context(certificatePath, keyPath))
  }

  /// Reads the files again, for connections from now on.
  ///
  /// - Throws: as the initializer; what was shown until now is shown further then.
  package func reload() throws {
    let next = try Self.context(certificatePath, keyPath)
    current.withLock { $0 = next }
  }

  func handler() -> NIOSSLServerHandler { NIOSSLServerHandler(context: current.withLock { $0 }) }

  private static func context(_ certificatePath: String, _ keyPath: String) throws -> NIOSSLContext {
    let certificates: [NIOSSLCertificate]
    do { certificates = try NIOSSLCertificate.fromPEMFile(certificatePath) } catch {
      throw unreadable("certificate", certificatePath, error)
    }
    let key: NIOSSLPrivateKey
    do { key = try NIOSSLPrivateKey(file: keyPath, format: .pem) } catch {
      throw unreadable("private key without a passphrase", keyPath, error)
    }
    var configuration = TLSConfiguration.makeServerConfiguration(
      certificateChain: certificates.map { .certificate($0) }, privateKey: .privateKey(key))
    configuration.minimumTLSVersion = .tlsv12
    // In the order of preference: browsers and curl offer both, and only gRPC wants HTTP/2.
    configuration.applicationProtocols = ["http/1.1", "h2"]
    do { return try NIOSSLContext(configuration: configuration) } catch {
      throw MoultError(
        .invalidArgument,
        "the key in '\(keyPath)' does not belong to the certificate in '\(certificatePath)': \(error)")
    }
  }

  private static func unreadable(_ what: String, _ path: String, _ error: any Error) -> MoultError {
    MoultError(.invalidArgument, "'\(path)' should hold a \(what) as PEM, and cannot be read: \(error)")
  }
}
