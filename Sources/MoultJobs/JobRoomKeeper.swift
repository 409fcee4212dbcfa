package import Logging
internal import ServiceLifecycle

/// Lets jobs that wait for room on the disk run again once there is some.
package struct JobRoomKeeper: Service {
  private static let pollMilliseconds: Int64 = 5_000

  private let queue: JobQueue
  private let freeBytes: @Sendable () throws -> Int64
  private let logger: Logger

  /// - Parameter freeBytes: what jobs may still write.
  package init(queue: JobQueue, logger: Logger, freeBytes: @escaping @Sendable () throws -> Int64) {
    self.queue = queue
    self.freeBytes = freeBytes
    self.logger = logger
  }

  /// Runs until graceful shutdown or cancellation. An error is logged and tried again.
  package func run() async throws {
    await cancelWhenGracefulShutdown {
      while !Task.isCancelled {
        do {
          let admitted = try queue.admit(free: try freeBytes())
          if !admitted.isEmpty { logger.notice("there is room again", metadata: ["jobs": "\(admitted)"]) }
        } catch {
          logger.warning("free space could not be looked at", metadata: ["error": "\(error)"])
        }
        try? await queue.clock.sleep(queue.clock.now() + Self.pollMilliseconds)
      }
    }
  }
}
