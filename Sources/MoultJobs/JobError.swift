package import Foundation

/// What can be wrong with a request to the queue.
package enum JobError: Error, Sendable, Hashable, CustomStringConvertible {
  /// No job has this id.
  case notFound(id: Int64)
  /// The worker's lease was taken away; nothing was written.
  case leaseLost(JobLease)
  /// The job's state does not allow the operation (`cancel`, `pause` …); nothing was written.
  case wrongState(id: Int64, state: JobState, operation: String)
  /// The job waits for one that has ended without completing, and so would wait for ever; nothing was written.
  case neededEnded(id: Int64, state: JobState)
  /// The table holds a state that this version does not know.
  case unknownState(id: Int64, state: String)

  package var description: String {
    switch self {
    case .notFound(let id):
      "there is no job \(id)"
    case .leaseLost(let lease):
      "lease \(lease.token) of job \(lease.jobID) was taken away; another worker may run it"
    case .wrongState(let id, let state, let operation):
      "job \(id) is \(state.rawValue); \(operation) does not apply to it"
    case .neededEnded(let id, let state):
      "job \(id), which must complete first, is \(state.rawValue); let that one run again first"
    case .unknownState(let id, let state):
      "job \(id) has the unknown state '\(state)'; was it written by a newer version?"
    }
  }
}

/// Thrown by a job that has done all it may do for now: it must not take effect before `until`.
///
/// The attempt ends without a failure, the job is `held`, and its checkpoint stays.
package struct JobHeld: Error, Hashable {
  /// When the job shall run again: at the end of the hold, or earlier to keep up with what happens meanwhile.
  package var until: Date
  /// Whether other jobs of its subject may run meanwhile: nothing that it has done can be spoiled by them.
  package var givesSubjectBack: Bool

  package init(until: Date, givesSubjectBack: Bool = false) {
    self.until = until
    self.givesSubjectBack = givesSubjectBack
  }
}

/// Thrown by a job that found no room on the disk.
///
/// The attempt ends without a failure, with its checkpoint, and the job waits until so much is free;
/// ``JobRoomKeeper`` looks. Without a checkpoint it gives its subject back: there is nothing that others could spoil.
package struct JobLacksRoom: Error, Hashable {
  /// Bytes that must be free before another attempt makes sense; at least 1.
  package var bytesNeeded: Int64
  /// For programs, and for people.
  package var code: String
  package var message: String

  package init(bytesNeeded: Int64, code: String, message: String) {
    precondition(bytesNeeded >= 1)
    self.bytesNeeded = bytesNeeded
    self.code = code
    self.message = message
  }
}

/// An error of a job that knows what should become of the job.
///
/// Any other error counts as retryable, with the name of its type as code.
package protocol JobFailure: Error {
  /// Whether another attempt may succeed.
  var isRetryable: Bool { get }
  /// For programs: short, stable.
  var code: String { get }
  /// For people.
  var message: String { get }
}
