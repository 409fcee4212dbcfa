internal import ArgumentParser
internal import MoultModel

/// `moult compare`: two collections or vector fields beside one another on the same queries.
struct CompareCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "compare",
    abstract:
      "Ask two collections, aliases or vector fields the same queries and say how their answers differ.",
    discussion: """
      Without --queries, the queries of the latest searches in A are asked: what is really searched for. A file of \
      vectors (.npy, .fvecs) needs --queries-of-b where B is of another model. A file of texts (.jsonl, .jsonl.gz), such as \
      {"text": "a small wild cat", "relevant": [17]}, is embedded by each side's own model, and tells which side finds \
      what it should. With --min-overlap or --max-loss it passes or fails (status 1), and the history keeps which: what B has \
      taken the place of is dropped without --force once it has passed.
      """)

  @Argument(help: "What serves: a collection, an alias, or a vector field as collection:field.")
  var a: String
  @Argument(help: "What may be going to.")
  var b: String
  @Option(help: "Vectors (.npy, .fvecs) or texts with their right answers (.jsonl, .jsonl.gz).")
  var queries: String?
  @Option(help: "The same queries as vectors of B's model.")
  var queriesOfB: String?
  @Option(help: "Use only the first queries; without --queries, so many of the latest.")
  var first: Int?
  @Option(help: "Hits of a query that are compared.")
  var limit = 10
  @Option(
    help: ArgumentHelp("Pass only if B has this share of A's hits, 0 … 1.", valueName: "share"))
  var minOverlap: Double?
  @Option(
    help: ArgumentHelp(
      "Pass only if what B finds of what it should surely falls by no more than this, 0 … 1; of texts with their right "
        + "answers.", valueName: "share"))
  var maxLoss: Double?
  @OptionGroup var server: ServerOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    if queriesOfB != nil && queries == nil {
      throw ValidationError("--queries-of-b needs --queries, the same queries by the model of A")
    }
    if !(1...ComparisonRequest.kMax).contains(limit) {
      throw ValidationError("--limit must lie in 1 … \(ComparisonRequest.kMax), got \(limit)")
    }
    for (name, value) in [("--min-overlap", minOverlap), ("--max-loss", maxLoss)] {
      if let value, !(0...1).contains(value) {
        throw ValidationError("\(name) must lie in 0 … 1, got \(value)")
      }
    }
    if let first, first < 1 { throw ValidationError("--first must be at least 1, got \(first)") }
  }

  func run() async throws {
    let asked = try ComparedQueries(path: queries, pathOfB: queriesOfB, first: first)
    let comparison = try await server.withClient {
      try await $0.compare(a, b, asked, k: limit, minimumOverlap: minOverlap, maximumLoss: maxLoss)
    }
    try output.put(comparison) { text($0) }
    if comparison.verdict?.passed == false { throw ExitCode(CommandStatus.failure.rawValue) }
  }

  private func text(_ comparison: Comparison) -> String {
    var table = TextTable([
      ("", .left), ("ANSWERED BY", .left), ("OF ITS EXACT \(comparison.k)", .right),
      ("OF WHAT IT SHOULD", .right),
      ("P50 MS", .right), ("P99 MS", .right),
    ])
    for (name, side) in [("A", comparison.a), ("B", comparison.b)] {
      table.append([
        name, "\(side.servedBy.collection), generation \(side.servedBy.generation)",
        Figure.fixed(side.recall.mean, 4),
        side.found.map { Figure.fixed($0.mean, 4) } ?? "", Figure.fixed(side.p50Milliseconds, 2),
        Figure.fixed(side.p99Milliseconds, 2),
      ])
    }
    var lines = [table.rendered()]
    lines.append("B − A, recall: \(comparison.recallDifference.text)")
    if let found = comparison.foundDifference {
      lines.append("B − A, found of what it should: \(found.text)")
    }
    lines.append(
      "in common of \(comparison.k): \(comparison.overlap.text) over \(comparison.queryCount) queries")
    if let tau = comparison.rankCorrelation {
      lines.append("order of what is in common (Kendall's tau): \(Figure.fixed(tau, 3))")
    }
    if !comparison.differences.isEmpty {
      let queries = comparison.differences.map { "\($0.query) (\(Figure.fixed($0.overlap, 2)))" }
      lines.append("least alike, queries from 0: " + queries.joined(separator: ", "))
    }
    if let verdict = comparison.verdict {
      lines.append("\(verdict.passed ? "passed" : "failed"): \(verdict.measured)")
    }
    return lines.joined(separator: "\n")
  }
}

extension RecallDifference {
  /// "+0.012 [-0.003, +0.027]".
  fileprivate var text: String {
    let signed = { (value: Double) in (value < 0 ? "" : "+") + Figure.fixed(value, 3) }
    return "\(signed(mean)) [\(signed(lower)), \(signed(upper))]"
  }
}
