/// How far a job has come in its current phase.
package struct JobProgress: Codable, Sendable, Hashable {
  /// What the job is doing, in its own words: `encode`, `index`, `catch-up`. Empty before the first report.
  package var phase: String
  /// Rows finished in this phase, those of earlier attempts included.
  package var rowsDone: Int64
  /// Rows this phase has in all; 0 while unknown.
  package var rowsTotal: Int64
  /// Rows per second over the last half minute of this attempt; `nil` until two reports lie apart in time.
  package var rowsPerSecond: Double?
  /// Seconds to the end of this phase at that rate; `nil` while it cannot be told.
  package var etaSeconds: Double?

  package init(
    phase: String = "", rowsDone: Int64 = 0, rowsTotal: Int64 = 0, rowsPerSecond: Double? = nil,
    etaSeconds: Double? = nil
  ) {
    self.phase = phase
    self.rowsDone = rowsDone
    self.rowsTotal = rowsTotal
    self.rowsPerSecond = rowsPerSecond
    self.etaSeconds = etaSeconds
  }
}
