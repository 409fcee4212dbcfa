internal import Foundation

/// The time as the queue sees it: a parameter, so that tests hold it.
///
/// Moments are milliseconds since 1970 of the wall clock, because leases outlive processes. When that clock
/// jumps, leases last longer or shorter than meant; fencing keeps this harmless.
package struct JobClock: Sendable {
  /// Milliseconds since 1970.
  package let now: @Sendable () -> Int64
  /// Returns at the given moment or later; throws `CancellationError` when the task is cancelled.
  package let sleep: @Sendable (_ untilMilliseconds: Int64) async throws -> Void

  package init(
    now: @escaping @Sendable () -> Int64,
    sleep: @escaping @Sendable (_ untilMilliseconds: Int64) async throws -> Void
  ) {
    self.now = now
    self.sleep = sleep
  }

  package static let system = JobClock(
    now: { Date().milliseconds },
    sleep: { until in
      let milliseconds = until - Date().milliseconds
      if milliseconds > 0 { try await Task.sleep(for: .milliseconds(milliseconds)) }
    })
}
