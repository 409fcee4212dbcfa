internal import ArgumentParser
internal import MoultModel
internal import MoultServer

/// The certificate that `moult serve` shows; with one, its port speaks nothing but TLS.
struct TLSOptions: ParsableArguments {
  @Option(help: "Certificate in PEM, followed by those that vouch for it. Read again on SIGHUP.")
  var tlsCertificate: String?
  @Option(help: "Private key of the certificate in PEM, without a passphrase.")
  var tlsKey: String?

  func validate() throws {
    if (tlsCertificate == nil) != (tlsKey == nil) {
      throw ValidationError("--tls-certificate and --tls-key belong together")
    }
  }

  /// - Throws: a usage failure that names the file.
  func certificates() throws -> CertificateStore? {
    guard let tlsCertificate, let tlsKey else { return nil }
    do { return try CertificateStore(certificatePath: tlsCertificate, keyPath: tlsKey) } catch let error
      as MoultError
    {
      throw CommandFailure(.usage, error.message, next: "give --tls-certificate and --tls-key")
    }
  }
}
