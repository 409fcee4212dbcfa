/// The right of one worker to one attempt of one job.
///
/// `token` is a fencing token: it rises with every claim, and each write of a worker names it. A worker whose
/// lease was taken away thus cannot write any more, however late it wakes up.
package struct JobLease: Sendable, Hashable {
  package let jobID: Int64
  package let token: Int64

  package init(jobID: Int64, token: Int64) {
    self.jobID = jobID
    self.token = token
  }
}

/// What the queue says about a lease.
package enum JobLeaseStatus: Sendable, Hashable {
  /// Still held; the flags say whether someone has asked the job to stop, for good or for now.
  case held(cancelRequested: Bool, pauseRequested: Bool = false)
  /// This very lease has completed the job.
  case completed
  /// Taken away: rescued, claimed by another worker, or the job is gone.
  case lost
}
