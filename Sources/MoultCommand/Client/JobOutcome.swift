internal import MoultModel

/// What a command does with the job it has started: watch it, or leave it alone.
struct JobOutcome {
  let client: AdminClient
  let output: OutputOptions
  let detach: Bool

  func settle(_ job: JobInfo) async throws {
    if detach {
      Console.say("job \(job.id) runs in the server; `moult jobs watch \(job.id)` watches it")
      try output.put(job) { String($0.id) }
      return
    }
    let finished = try await JobWatcher(client: client).watch(job)
    try output.put(finished, text: Self.summary)
  }

  /// What a finished job achieved, line by line.
  static func summary(_ job: JobInfo) -> String {
    guard let report = job.report else {
      return (["job \(job.id) is done"] + (job.embedding?.lines ?? [])).joined(separator: "\n")
    }
    var lines = [
      "job \(job.id) is done: \(Figure.grouped(report.rows)) rows in \(Figure.seconds(report.totalSeconds))"
        + (job.generation.map { ", generation \($0) is live" } ?? ""),
      "bytes per vector  \(report.bytesPerVectorBefore) → \(report.bytesPerVectorAfter)",
    ]
    if let after = report.recallAfter {
      let before = report.recallBefore.map { "\($0.text) → " } ?? ""
      lines.append(
        "recall@\(after.k)         \(before)\(after.text) over \(after.queryCount) queries, "
          + querySource(report.querySource))
    }
    if let difference = report.recallDifference {
      lines.append(
        "change            \(Figure.signed(difference.mean, 4)) "
          + "[\(Figure.signed(difference.lower, 4)) … \(Figure.signed(difference.upper, 4))] on the same queries"
      )
    }
    if let flat = report.recallFlat { lines.append("without the index \(flat.text)") }
    if let without = report.recallWithoutRescoring {
      lines.append("codes alone       \(without.text)")
    }
    if let policy = report.rescoring {
      lines.append(
        "rescoring         for recall \(policy.targetRecall): "
          + (policy.z.map { "until \(Figure.fixed($0, 2)) standard errors are below the last hit" } ?? "all")
          + ", \(Figure.fixed(policy.meanEvaluations, 1)) of \(policy.candidates) candidates a query")
    }
    lines.append(
      """
      seconds           train \(Figure.fixed(report.trainSeconds, 3)), encode \
      \(Figure.fixed(report.encodeSeconds, 3)), index \(Figure.fixed(report.indexSeconds, 3)), verify \
      \(Figure.fixed(report.verifySeconds, 3)); writers waited \(Figure.fixed(report.writersPausedSeconds, 4))
      """)
    if let graph = report.graph {
      lines.append(
        "index             \(graph.index.map { $0 + " " } ?? "")\(graph.kind.rawValue), "
          + "\(Figure.seconds(graph.seconds)): \(graph.reason)")
    }
    lines += job.embedding?.lines ?? []
    lines += report.notes.map { "note: \($0)" }
    return lines.joined(separator: "\n")
  }

  static func querySource(_ source: SwitchReport.QuerySource) -> String {
    switch source {
    case .given: "given"
    case .recentSearches: "of recent searches"
    case .perturbedDocuments: "made from stored vectors"
    case .none: "none"
    }
  }
}
