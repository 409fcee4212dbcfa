internal import MoultBenchmark
internal import MoultModel

/// The main job from end to end, over HTTP, while clients search through an alias without a pause.
struct Demonstration {
  let client: AdminClient
  let sample: SampleData
  let clientCount: Int

  private static let collection = "words_v1"
  private static let reindexed = "words_v2"
  private static let alias = "words"
  private static let k = 10
  /// Time that each state is searched for, so that percentiles mean something after an instant step.
  private static let dwell = Duration.milliseconds(1500)

  private let clock = ContinuousClock()

  init(client: AdminClient, sample: SampleData, clientCount: Int) {
    self.client = client
    self.sample = sample
    self.clientCount = clientCount
  }

  /// Recall of the alias as it is now, and the bytes of its form.
  private struct State {
    var recall: MeasuredRecall
    var bytesPerVector: Int
  }

  func run() async throws -> DemoReport {
    let start = clock.now
    let queries = try QuerySet(path: sample.queries)
    let bundledTruth = try GroundTruth(path: sample.truth, k: Self.k, queryCount: queries.count)

    Console.say("import \(Self.collection) from \(sample.directory)")
    let source = try ImportSource(vectorsPath: sample.vectors, payloadPath: sample.payload, idField: nil)
    let imported = try await Importer(client: client, source: source, showsProgress: false)
      .run(into: Self.collection, metric: .cosine)
    try await client.createAlias(Self.alias, collection: Self.collection)
    let truth = try await exactTruth(queries)
    var state = try await measure(queries, truth)
    var steps = [
      DemoStep(
        name: "import as float32", seconds: imported.seconds, bytesPerVectorBefore: nil,
        bytesPerVectorAfter: state.bytesPerVector, recallBefore: nil, recallAfter: state.recall, searches: nil
      )
    ]

    let info = try await client.collection(Self.alias)
    let checker = StalenessChecker(
      current: ServedBy(collection: info.name, generation: info.generation.id))
    let load = LoadGenerator(
      client: client, target: Self.alias, queries: queries, limit: Self.k, checker: checker)
    let loadStart = clock.now
    load.start(clientCount: clientCount)
    do {
      for change in Self.changes {
        Console.say(change.name)
        let before = state
        let stepStart = clock.now
        try await apply(change, checker, queries)
        let seconds = (clock.now - stepStart).inSeconds
        state = try await measure(queries, truth)
        try await Task.sleep(for: Self.dwell)
        steps.append(
          DemoStep(
            name: change.name, seconds: seconds, bytesPerVectorBefore: before.bytesPerVector,
            bytesPerVectorAfter: state.bytesPerVector, recallBefore: before.recall, recallAfter: state.recall,
            searches: load.window(from: stepStart, to: clock.now)))
      }
      await load.stop()
    } catch {
      await load.stop()
      throw error
    }
    return DemoReport(
      rows: imported.rows, dimension: imported.dimension, clients: clientCount,
      seconds: (clock.now - start).inSeconds, steps: steps,
      exactAgainstTruth: bundledTruth.recall(of: truth.neighbours).mean,
      searches: load.window(from: loadStart, to: clock.now))
  }

  // MARK: Steps

  private struct Change {
    enum Kind {
      case switching(EncodingSpecification)
      case rollback
      case reindex(EncodingSpecification)
    }

    var name: String
    var kind: Kind
  }

  private static let changes = [
    Change(name: "switch to int8", kind: .switching(EncodingSpecification(quantization: .int8))),
    Change(name: "switch to binary", kind: .switching(EncodingSpecification(quantization: .binary))),
    Change(name: "roll back to int8", kind: .rollback),
    Change(
      name: "reindex: int8, 256 by PCA",
      kind: .reindex(EncodingSpecification(quantization: .int8, dimensions: 256, transform: .pca))),
  ]

  private func apply(_ change: Change, _ checker: StalenessChecker, _ queries: QuerySet) async throws {
    let gate = RecallGateRequest(k: Self.k, queries: queries.values, dimension: queries.dimension)
    switch change.kind {
    case .switching(let specification):
      let announcement = checker.announceUnnamed()
      let job = try await client.startSwitch(
        Self.alias, SwitchRequest(specification: specification, gate: gate))
      let generation = try await generation(of: job)
      checker.acknowledge(
        announcement, as: ServedBy(collection: Self.collection, generation: generation))
    case .rollback:
      guard let previous = try await client.collection(Self.collection).previousGeneration else {
        throw CommandFailure(.failure, "there is no generation to go back to after two switches")
      }
      let expected = ServedBy(collection: Self.collection, generation: previous.id)
      let announcement = checker.announce(expected)
      _ = try await client.rollback(Self.alias)
      checker.acknowledge(announcement, as: expected)
    case .reindex(let specification):
      let announcement = checker.announceUnnamed()
      let request = ReindexRequest(
        source: Self.alias, target: Self.reindexed, specification: specification, alias: Self.alias,
        gate: gate)
      let job = try await client.startReindex(request)
      let generation = try await generation(of: job)
      checker.acknowledge(announcement, as: ServedBy(collection: Self.reindexed, generation: generation))
    }
  }

  /// What a job made live.
  private func generation(of job: JobInfo) async throws -> Int64 {
    let finished = try await JobWatcher(client: client, showsProgress: false).watch(job)
    guard let generation = finished.generation else {
      throw CommandFailure(.failure, "job \(job.id) completed without saying which generation is live")
    }
    return generation
  }

  // MARK: Measuring

  /// The server's own exact search of the full-precision vectors.
  private func exactTruth(_ queries: QuerySet) async throws -> GroundTruth {
    let options = SearchOptions(limit: Self.k, exact: true)
    let (ids, _) = try await client.nearest(Self.alias, queries: queries, options: options)
    return GroundTruth(neighbours: ids.map { $0.map(\.number) }, k: Self.k)
  }

  private func measure(_ queries: QuerySet, _ truth: GroundTruth) async throws -> State {
    let (ids, _) = try await client.nearest(
      Self.alias, queries: queries, options: SearchOptions(limit: Self.k))
    let collection = try await client.collection(Self.alias)
    return State(
      recall: truth.recall(ofIDs: ids), bytesPerVector: collection.generation.bytesPerVector)
  }
}

extension PointID {
  /// The number of an integer id; −1 for a string, which is no row number.
  fileprivate var number: Int64 {
    switch self {
    case .int64(let value): value
    case .string: -1
    }
  }
}
