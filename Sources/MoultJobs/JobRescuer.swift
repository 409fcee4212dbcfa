package import Logging
internal import ServiceLifecycle

/// Ends attempts whose worker has gone silent: at start, and then at every half lease.
package struct JobRescuer: Service {
  private let queue: JobQueue
  private let logger: Logger

  package init(queue: JobQueue, logger: Logger) {
    self.queue = queue
    self.logger = logger
  }

  /// Runs until graceful shutdown or cancellation. An error of the database is logged and tried again.
  package func run() async throws {
    await cancelWhenGracefulShutdown {
      while !Task.isCancelled {
        do {
          let rescued = try await queue.writeUncancelled { [queue] db in try queue.rescueExpired(in: db) }
          if !rescued.isEmpty {
            JobMetrics.rescued(rescued.count)
            logger.warning("leases expired", metadata: ["jobs": "\(rescued)"])
          }
        } catch {
          logger.error("expired leases could not be looked for", metadata: ["error": "\(error)"])
        }
        try? await queue.clock.sleep(queue.clock.now() + queue.configuration.leaseMilliseconds / 2)
      }
    }
  }
}
