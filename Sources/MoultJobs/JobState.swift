/// Where a job stands. The article *JobLifecycle* has the diagram of all transitions.
package enum JobState: String, Codable, Sendable, Hashable, CaseIterable {
  /// Waits for a worker; may be claimed from its `runAt` on.
  case available
  /// A worker holds its lease.
  case running
  /// An attempt failed; the next one may be claimed from `runAt` on.
  case retrying
  /// Ready to take effect but not allowed to yet; may be claimed from `runAt` on, to look again and keep up.
  case held
  /// Laid aside by a person, with its checkpoint, until a person resumes it.
  case paused
  /// Done; `result` holds what it returned.
  case completed
  /// Given up, a dead letter; `error` and `errorCode` say why, and stay when a person lets it `retry`.
  case failed
  /// Stopped because someone asked. A person may `retry` it.
  case cancelled

  /// Whether the job never leaves this state but by a person who lets it run again.
  package var isFinal: Bool {
    switch self {
    case .available, .running, .retrying, .held, .paused: false
    case .completed, .failed, .cancelled: true
    }
  }
}
