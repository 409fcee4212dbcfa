internal import MoultModel

/// A job or a collection in one line, in gh-ost's manner; what does not apply is left out.
enum StatusLine {
  /// "products gen-8 encode 62% 620k/1.0M 480k rows/s eta 1s | lag 132 ops | gate pending | ram +0.1/1.0 GB | p99 +3%"
  static func text(_ status: JobStatus) -> String {
    let job = status.job
    var head = [job.subject]
    if let generation = status.building ?? job.generation { head.append("gen-\(generation)") }
    head.append(state(status))
    var parts = [head.joined(separator: " ")]
    if let lag = status.lagOperations { parts.append("lag \(lag) ops") }
    if let bridge = job.embedding?.bridge {
      parts.append("bridge recall " + Figure.fixed(bridge.recall.mean, 2))
    }
    parts += proof(job)
    if let gate = status.gate { parts.append("gate \(gate.rawValue)") }
    if let memory = status.memoryBytes {
      parts.append("ram " + Self.memory(memory, of: status.limits.memoryBytes))
    }
    if let change = status.p99Change { parts.append("p99 " + Figure.signed(100 * change, 0) + "%") }
    return parts.joined(separator: " | ")
  }

  /// "products gen-8 int8 live 1.0M rows"
  static func text(_ status: CollectionStatus) -> String {
    let live =
      "\(status.collection) gen-\(status.generation) \(status.specification.quantization.rawValue) live "
      + "\(Figure.compact(Double(status.rows))) rows"
    let upkeep = status.jobs.map { "\($0.job.kind) \($0.job.state.rawValue)" }
    guard let last = status.last, last.state != .completed else {
      return ([live] + upkeep + (status.last.map(proof) ?? [])).joined(separator: " | ")
    }
    let reason = last.error.map { ": \($0)" } ?? ""
    return ([live] + upkeep + ["job \(last.id) \(last.state.rawValue)\(reason)"]).joined(separator: " | ")
  }

  /// "nDCG@10 +0.012 [-0.003 … +0.027]"
  private static func proof(_ job: JobInfo) -> [String] {
    guard let labelled = job.embedding?.labelled, let change = labelled.ndcgChange else { return [] }
    return [
      "nDCG@\(labelled.k) \(Figure.signed(change.mean, 3)) "
        + "[\(Figure.signed(change.lower, 3)) … \(Figure.signed(change.upper, 3))]"
    ]
  }

  private static func state(_ status: JobStatus) -> String {
    let job = status.job
    switch job.state {
    case .running:
      let asked = job.cancelRequested ? ["cancelling"] : job.pauseRequested ? ["pausing"] : []
      return (asked + [progress(job.progress)]).joined(separator: " ")
    case .available:
      let free = status.diskFree.map { ", \(Figure.bytes(Double($0))) free" } ?? ""
      return "waits for " + (job.waiting.map { $0 + free } ?? "a worker")
    case .retrying:
      return "tries again at \(Figure.moment(job.runAt)): \(job.error ?? "")"
    case .held: return "held until \(SwapTime(milliseconds: job.heldUntil ?? 0))"
    case .paused: return "paused in \(progress(job.progress))"
    case .completed: return "completed"
    case .failed, .cancelled: return job.state.rawValue + (job.error.map { ": \($0)" } ?? "")
    }
  }

  private static func progress(_ progress: JobInfo.Progress) -> String {
    var words = [progress.phase.isEmpty ? "start" : progress.phase]
    if progress.rowsTotal > 0 {
      let (done, total) = (Double(progress.rowsDone), Double(progress.rowsTotal))
      words.append("\(Int(100 * min(1, max(0, done / total))))%")
      words.append("\(Figure.compact(done))/\(Figure.compact(total))")
    }
    if let rate = progress.rowsPerSecond, rate > 0 { words.append("\(Figure.compact(rate)) rows/s") }
    if let eta = progress.etaSeconds {
      words.append("eta " + (eta < 120 ? "\(Int(eta.rounded(.up)))s" : "\(Int((eta / 60).rounded(.up)))min"))
    }
    return words.joined(separator: " ")
  }

  /// "+0.1/1.0 GB", "+12 MB".
  private static func memory(_ bytes: Int, of limit: Int?) -> String {
    let isLarge = max(abs(bytes), limit ?? 0) >= 1_000_000_000
    let (unit, places, name) = isLarge ? (1e9, 1, "GB") : (1e6, 0, "MB")
    let of = limit.map { "/" + Figure.fixed(Double($0) / unit, places) } ?? ""
    return Figure.signed(Double(bytes) / unit, places) + of + " " + name
  }
}

extension JobInfo {
  /// What keeps a job that is due from being begun.
  var waiting: String? {
    guard state == .available || state == .paused else { return nil }
    if let after, !after.isEmpty {
      return "job" + (after.count == 1 ? " " : "s ") + after.map { String($0) }.joined(separator: ", ")
    }
    return roomNeeded.map { "room: needs \(Figure.bytes(Double($0)))" }
  }
}
