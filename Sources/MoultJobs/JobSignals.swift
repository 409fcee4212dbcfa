internal import GRDB

/// What a queue tells its process, always after the commit: nobody hears of a change that was rolled back.
struct JobSignals: Sendable {
  /// Something of this job changed.
  let changed = Broadcast<Int64>()
  /// A job may have become claimable.
  let claimable = Broadcast<Void>()
  /// Someone asked this running job to stop.
  let stopRequested = Broadcast<(id: Int64, reason: JobContext.InterruptionReason)>()

  func send(
    changed id: Int64, claimable: Bool = false, stop reason: JobContext.InterruptionReason? = nil,
    after db: Database
  ) {
    db.afterNextTransaction { _ in
      self.changed.send(id)
      if claimable { self.claimable.send(()) }
      if let reason { self.stopRequested.send((id, reason)) }
    }
  }
}
