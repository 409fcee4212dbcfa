/// Where a job stands. The article *JobLifecycle* has the diagram of all transitions.
package enum JobState: String, Codable, Sendable, Hashable, CaseIterable {
  /// Waits for a worker; may be claimed from its `runAt` on.
  case available
  /// A worker holds its lease.
  case running
  /// An attempt failed; the next one may be claimed from `runAt` on.
  case retrying
  /// Done; `result` holds what it returned.
  case completed
  /// Given up; `error` and `errorCode` say why. A person may `retry` it.
  case failed
  /// Stopped because someone asked. A person may `retry` it.
  case cancelled

  /// Whether the job never leaves this state by itself.
  package var isFinal: Bool {
    switch self {
    case .available, .running, .retrying: false
    case .completed, .failed, .cancelled: true
    }
  }
}
