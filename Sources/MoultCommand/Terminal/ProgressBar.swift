/// Progress of one piece of work on stderr: a bar that is redrawn on a terminal, plain lines elsewhere.
struct ProgressBar {
  private let isTerminal = Console.talkIsTerminal
  private let clock = ContinuousClock()
  private var lastDrawnAt: ContinuousClock.Instant?
  private var lastPhase = ""
  private var lastText = ""

  /// At most one redraw in this time on a terminal, one line elsewhere.
  private static let redrawInterval = (terminal: Duration.milliseconds(100), plain: Duration.seconds(5))

  /// Shows where the work stands, unless that was done a moment ago; a new phase is always shown.
  mutating func show(
    phase: String, done: Int64, total: Int64, rowsPerSecond: Double? = nil, etaSeconds: Double? = nil
  ) {
    let now = clock.now
    let interval = isTerminal ? Self.redrawInterval.terminal : Self.redrawInterval.plain
    if phase == lastPhase, let last = lastDrawnAt, now - last < interval { return }
    let text = Self.text(
      phase: phase, done: done, total: total, rowsPerSecond: rowsPerSecond, etaSeconds: etaSeconds,
      bar: isTerminal)
    guard text != lastText else { return }
    lastDrawnAt = now
    lastPhase = phase
    lastText = text
    if isTerminal {
      Console.sayRaw("\r\u{1B}[K" + String(text.prefix(max(20, Console.width - 1))))
    } else {
      Console.say(text)
    }
  }

  /// Removes the bar, so that the next line of talk starts at the left.
  mutating func clear() {
    if isTerminal && !lastText.isEmpty { Console.sayRaw("\r\u{1B}[K") }
    lastText = ""
    lastPhase = ""
  }

  /// One line: phase, bar, percent, counts, rate and time left, as far as they are known.
  static func text(
    phase: String, done: Int64, total: Int64, rowsPerSecond: Double?, etaSeconds: Double?, bar: Bool
  ) -> String {
    var parts = [phase]
    if total > 0 {
      let share = min(1, max(0, Double(done) / Double(total)))
      if bar {
        let filled = Int(share * 24)
        parts.append(
          "[" + String(repeating: "#", count: filled) + String(repeating: ".", count: 24 - filled) + "]")
      }
      parts.append("\(Int(share * 100)) %")
      parts.append("\(Figure.grouped(Int(done)))/\(Figure.grouped(Int(total)))")
    }
    if let rowsPerSecond, rowsPerSecond > 0 { parts.append("\(Figure.grouped(Int(rowsPerSecond)))/s") }
    if let etaSeconds, etaSeconds > 0 { parts.append("about \(Figure.seconds(etaSeconds)) left") }
    return parts.joined(separator: "  ")
  }
}
