internal import Logging
internal import ServiceLifecycle
internal import UnixSignals

/// Reads the certificate's files again on SIGHUP.
struct CertificateReloader: Service {
  let certificates: CertificateStore
  let logger: Logger

  func run() async throws {
    for await _ in await UnixSignalsSequence(trapping: .sighup).cancelOnGracefulShutdown() {
      do {
        try certificates.reload()
        logger.notice("the certificate was read again")
      } catch {
        logger.error("the certificate stays as it was: \(error)")
      }
    }
  }
}
