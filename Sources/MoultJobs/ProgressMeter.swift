/// Turns reports of rows done into a rate and a remaining time.
///
/// The rate is the slope over a sliding window: rows gained since the oldest sample kept, divided by the time
/// since. The first report of a phase is only the base line, so rows that an earlier attempt did never count
/// as speed. A new phase, a count that falls and a clock that goes back each begin a new window.
struct ProgressMeter {
  /// How far back the rate looks.
  static let windowMilliseconds: Int64 = 30_000
  /// Reports closer than this share one sample, which bounds the window at 120 samples.
  static let sampleMilliseconds: Int64 = 250

  private var phase: String?
  private var samples: [(at: Int64, rowsDone: Int64)] = []

  /// The progress to show for a report made at `now`, in milliseconds of one clock.
  mutating func measure(phase: String, rowsDone: Int64, rowsTotal: Int64, now: Int64) -> JobProgress {
    if phase != self.phase || samples.last.map({ rowsDone < $0.rowsDone || now < $0.at }) ?? true {
      self.phase = phase
      samples = [(now, rowsDone)]
    }
    if let last = samples.last, now - last.at >= Self.sampleMilliseconds {
      samples.append((now, rowsDone))
    }
    // One sample at or before the window's edge stays, so that the slope spans the whole window.
    while samples.count > 1, samples[1].at <= now - Self.windowMilliseconds {
      samples.removeFirst()
    }

    var progress = JobProgress(phase: phase, rowsDone: rowsDone, rowsTotal: rowsTotal)
    guard let oldest = samples.first, now > oldest.at else { return progress }
    let rate = Double(rowsDone - oldest.rowsDone) * 1_000 / Double(now - oldest.at)
    progress.rowsPerSecond = rate
    if rowsTotal > 0, rate > 0 {
      progress.etaSeconds = Double(max(0, rowsTotal - rowsDone)) / rate
    }
    return progress
  }
}
