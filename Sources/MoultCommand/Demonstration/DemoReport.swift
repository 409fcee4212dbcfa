internal import MoultModel

/// The whole demo.
struct DemoReport: Codable, Sendable, Equatable {
  var rows: Int
  var dimension: Int
  var clients: Int
  var seconds: Double
  var steps: [DemoStep]
  /// Recall@10 of the server's exact search against the bundled ground truth.
  var exactAgainstTruth: Double
  /// All searches of the load, from the first to the last.
  var searches: LoadWindow

  /// Exact search computes in float32, the bundled truth in float64: neighbours with nearly equal scores may
  /// change places, more may not.
  private static let exactAgainstTruthMin = 0.995

  var isSound: Bool {
    searches.failed == 0 && searches.stale == 0 && exactAgainstTruth >= Self.exactAgainstTruthMin
  }

  var table: String {
    var table = TextTable([
      ("STEP", .left), ("SECONDS", .right), ("BYTES/VECTOR", .right), ("RECALL@10 BEFORE [95 %]", .left),
      ("AND AFTER", .left), ("SEARCHES", .right), ("P50 MS", .right), ("P99 MS", .right), ("FAILED", .right),
      ("STALE", .right),
    ])
    for step in steps {
      let bytes = step.bytesPerVectorBefore.map { "\($0) → " } ?? ""
      table.append(
        [
          step.name, Figure.fixed(step.seconds, 3), bytes + String(step.bytesPerVectorAfter),
          step.recallBefore?.text ?? "", step.recallAfter.text,
        ] + Self.cells(step.searches))
    }
    table.append(["all", Figure.fixed(seconds, 3), "", "", ""] + Self.cells(searches))
    return table.rendered()
  }

  private static func cells(_ window: LoadWindow?) -> [String] {
    guard let window else { return ["", "", "", "", ""] }
    return [
      Figure.grouped(window.requests), Figure.milliseconds(window.latency.p50Seconds),
      Figure.milliseconds(window.latency.p99Seconds), String(window.failed), String(window.stale),
    ]
  }
}
