internal import ArgumentParser
internal import MoultModel

/// What must be measured before a swap, and whether the command waits for it.
struct GateOptions: ParsableArguments {
  @Option(
    help: "Swap only when the lower end of the 95 % interval of recall@10 reaches this, 0 … 1.")
  var minRecall: Double = RecallGateRequest.defaultMinimumRecall

  @Option(
    help: ArgumentHelp(
      "Swap only when recall@10 surely falls by no more than this, 0 … 1, on the same queries.",
      valueName: "share"))
  var maxLoss: Double?

  @Option(
    help:
      "Queries to measure recall with (.npy, .fvecs); without, those of recent searches, else stored vectors with noise."
  )
  var queries: String?

  @Option(
    help: ArgumentHelp(
      "Begin when this job has completed; fail if it does not. May be given several times.", valueName: "job")
  )
  var after: [Int64] = []

  @Option(help: "Before jobs of lower priority, -100 … 100.")
  var priority = 0

  @Option(help: SwapTime.help)
  var swapAt: SwapTime?

  @Flag(help: "Start the job and return at once; its number is on stdout.")
  var detach = false

  func validate() throws {
    if !(0...1).contains(minRecall) {
      throw ValidationError("--min-recall must lie in 0 … 1, got \(minRecall)")
    }
    if !JobInfo.priorities.contains(priority) {
      throw ValidationError("--priority must lie in -100 … 100, got \(priority)")
    }
    if let maxLoss, !(0...1).contains(maxLoss) {
      throw ValidationError("--max-loss must lie in 0 … 1, got \(maxLoss)")
    }
  }

  /// The gate for a switch or reindex of `collection`, whose dimension the queries must have.
  func request(for collection: String, _ client: AdminClient) async throws -> RecallGateRequest {
    guard let queries else { return RecallGateRequest(minimumRecall: minRecall, maximumLoss: maxLoss) }
    let set = try QuerySet(path: queries)
    try await client.requireDimension(of: set, path: queries, of: collection)
    return RecallGateRequest(
      minimumRecall: minRecall, maximumLoss: maxLoss, queries: set.values, dimension: set.dimension)
  }
}
