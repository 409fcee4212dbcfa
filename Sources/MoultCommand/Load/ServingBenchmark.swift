internal import MoultModel
internal import MoultServer

/// Searches under load while what answers them changes again and again.
struct ServingBenchmark {
  struct Result: Sendable {
    var window: LoadWindow
    var changeCount: Int
    /// What the alias answered at the end, query by query.
    var found: [[PointID]]
    var bytesPerVector: Int
  }

  let client: AdminClient
  let queries: QuerySet
  let k: Int
  let specification: EncodingSpecification

  private static let alias = "moult_bench"
  private static let collections = ["moult_bench_a", "moult_bench_b"]

  private let clock = ContinuousClock()

  init(client: AdminClient, queries: QuerySet, k: Int, specification: EncodingSpecification) {
    self.client = client
    self.queries = queries
    self.k = k
    self.specification = specification
  }

  private var gate: RecallGateRequest {
    RecallGateRequest(minimumRecall: 0, k: k, queries: queries.values, dimension: queries.dimension)
  }

  // MARK: Preparing

  /// Imports into one collection, copies it into the other, and gives both the form that is measured, with
  /// an earlier generation to roll back to.
  func prepare(_ source: ImportSource, metric: Metric) async throws {
    try await removeEverything()
    _ = try await Importer(client: client, source: source).run(into: Self.collections[0], metric: metric)
    let copy = try await client.startReindex(
      ReindexRequest(
        source: Self.collections[0], target: Self.collections[1], specification: otherForm, gate: gate))
    _ = try await JobWatcher(client: client).watch(copy)
    for name in Self.collections { _ = try await startSwitch(name, specification) }
    try await client.createAlias(Self.alias, collection: Self.collections[0])
  }

  /// A form that differs from the measured one.
  private var otherForm: EncodingSpecification {
    EncodingSpecification(quantization: specification.quantization == .int8 ? .none : .int8)
  }

  func removeEverything() async throws {
    if try await client.aliases().contains(where: { $0.alias == Self.alias }) {
      try await client.dropAlias(Self.alias)
    }
    let names = try await client.collections().map(\.name)
    for name in Self.collections where names.contains(name) { try await client.dropCollection(name) }
  }

  // MARK: Running

  func run(
    clientCount: Int, seconds: Double, swapCount: Int, switchCount: Int
  ) async throws -> Result {
    let info = try await client.collection(Self.alias)
    let checker = StalenessChecker(current: info.servedBy)
    let load = LoadGenerator(
      client: client, target: Self.alias, queries: queries, limit: k, checker: checker)
    let start = clock.now
    load.start(clientCount: clientCount)
    do {
      let changes = Self.plan(swapCount: swapCount, switchCount: switchCount)
      let pause = Duration.seconds(seconds / Double(changes.count + 1))
      for (index, change) in changes.enumerated() {
        try await clock.sleep(until: start + pause * (index + 1))
        try await apply(change, checker)
      }
      try await clock.sleep(until: start + .seconds(seconds))
      await load.stop()
    } catch {
      await load.stop()
      throw error
    }
    let window = load.window(from: start, to: clock.now)
    try await backToMeasuredForm()
    let found = try await client.nearest(Self.alias, queries: queries, options: SearchOptions(limit: k)).ids
    let bytesPerVector = try await client.collection(Self.alias).generation.bytesPerVector
    return Result(
      window: window, changeCount: swapCount + switchCount, found: found, bytesPerVector: bytesPerVector)
  }

  enum Change: Equatable {
    case swapAlias
    case rollback
    case switchForm
  }

  /// Every fourth swap is a rollback; switches are spread evenly.
  static func plan(swapCount: Int, switchCount: Int) -> [Change] {
    var changes: [Change] = []
    for index in 0..<swapCount {
      changes.append(index % 4 == 3 ? .rollback : .swapAlias)
    }
    for index in 0..<switchCount {
      // From the back, so that earlier places stay where they are.
      let place = swapCount * (switchCount - index) / (switchCount + 1)
      changes.insert(.switchForm, at: place)
    }
    return changes
  }

  private func apply(_ change: Change, _ checker: StalenessChecker) async throws {
    let current = try await client.collection(Self.alias)
    switch change {
    case .swapAlias:
      let next = try await client.collection(Self.collections.first { $0 != current.name }!)
      let announcement = checker.announce(next.servedBy)
      try await client.alterAlias(Self.alias, collection: next.name)
      checker.acknowledge(announcement, as: next.servedBy)
    case .rollback:
      guard let previous = current.previousGeneration else { return }
      let expected = ServedBy(collection: current.name, generation: previous.id)
      let announcement = checker.announce(expected)
      _ = try await client.rollback(Self.alias)
      checker.acknowledge(announcement, as: expected)
    case .switchForm:
      let isMeasured = current.generation.specification == specification
      let announcement = checker.announceUnnamed()
      let generation = try await startSwitch(current.name, isMeasured ? otherForm : specification)
      checker.acknowledge(announcement, as: ServedBy(collection: current.name, generation: generation))
    }
  }

  /// Switches to the end of its job.
  ///
  /// - Returns: the generation that is live then.
  private func startSwitch(_ name: String, _ specification: EncodingSpecification) async throws -> Int64 {
    let job = try await client.startSwitch(
      name, SwitchRequest(specification: specification, gate: gate))
    let finished = try await JobWatcher(client: client, showsProgress: false).watch(job)
    if let generation = finished.generation { return generation }
    return try await client.collection(name).generation.id
  }

  /// So that recall and checksum belong to the form that was asked for.
  private func backToMeasuredForm() async throws {
    let current = try await client.collection(Self.alias)
    if current.generation.specification != specification {
      _ = try await startSwitch(current.name, specification)
    }
  }
}
