internal import Metrics

/// What the queue counts, for whatever backend the process has set up.
enum JobMetrics {
  /// `moult_job_attempts_total{kind, outcome}`; the outcome is the state the job was left in, or `lease_lost`.
  /// `moult_job_attempt_seconds{kind}`.
  static func attemptEnded(kind: String, outcome: String, milliseconds: Int64) {
    Counter(label: "moult_job_attempts_total", dimensions: [("kind", kind), ("outcome", outcome)]).increment()
    Timer(label: "moult_job_attempt_seconds", dimensions: [("kind", kind)]).recordMilliseconds(milliseconds)
  }

  /// `moult_jobs_rescued_total`: attempts ended because their lease expired.
  static func rescued(_ count: Int) {
    Counter(label: "moult_jobs_rescued_total").increment(by: Int64(count))
  }
}
