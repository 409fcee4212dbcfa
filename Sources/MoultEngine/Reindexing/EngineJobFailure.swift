import MoultJobs
import MoultModel

/// What becomes of a job after an error, told before the queue records it.
enum JobFate {
  static func willRunAgain(after error: any Error, context: JobContext, queue: JobQueue) -> Bool {
    guard let record = try? queue.record(context.record.id) else { return true }
    if record.cancelRequested { return false }
    if error is JobLacksRoom { return true }
    if error is CancellationError { return true }
    if case JobError.leaseLost = error { return true }
    if let error = error as? MoultError {
      // Compute says so when it was interrupted, by whatever.
      if error.code == .cancelled { return true }
      if !error.mayPass { return false }
    }
    return record.attempt < record.attemptsMax
  }
}

/// A `MoultError` as the queue wants it.
struct EngineJobFailure: JobFailure {
  let error: MoultError

  var isRetryable: Bool { error.mayPass }
  var code: String { error.code.rawValue }
  var message: String { error.message }
}

extension MoultError {
  /// Whether waiting may help: the disk may get room again, an unforeseen error may have been a passing one.
  var mayPass: Bool {
    switch code {
    case .diskFull, .internalError, .unavailable: true
    default: false
    }
  }
}
