internal import ArgumentParser
internal import Logging
internal import MoultBenchmark
internal import MoultEngine
internal import MoultModel
internal import ServiceLifecycle

/// `moult bench encode`.
struct BenchEncode: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "encode", abstract: "How fast vectors become codes (rows/s).")

  @OptionGroup var data: BenchDataOptions
  @OptionGroup var encoding: EncodingOptions
  @OptionGroup var options: BenchRunOptions
  @Flag(
    help: """
      Read the vectors in chunks instead of holding them, and tell how much memory is used beside input and \
      output.
      """)
  var stream = false
  @OptionGroup var output: OutputOptions

  func run() throws {
    let printer = RecordPrinter(output)
    let options = try options.options(encoding.specification, k: data.k)
    if stream {
      try StreamEncodeBenchmark.run(
        vectorsPath: data.vectors, metric: data.metric, rows: data.rows, options, printer.put)
    } else {
      try EncodeBenchmark.run(try data.load(), options, printer.put)
    }
    printer.finish()
  }
}

/// `moult bench scan`.
struct BenchScan: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "scan", abstract: "Flat search over codes, with and without rescoring (queries/s, recall).",
    discussion: """
      With --target-recall the second line is that of rescoring calibrated for it, on the queries of \
      --train-queries or on the first half of the queries; both lines are then measured on the second half.
      """)

  @OptionGroup var data: BenchDataOptions
  @Option(name: .customLong("train-queries"), help: "File of queries to calibrate --target-recall on.")
  var trainQueries: String?
  @OptionGroup var encoding: EncodingOptions
  @OptionGroup var options: BenchRunOptions
  @OptionGroup var output: OutputOptions

  func run() throws {
    let printer = RecordPrinter(output)
    try ScanBenchmark.run(
      try data.load(trainingQueries: trainQueries), try options.options(encoding.specification, k: data.k),
      printer.put)
    printer.finish()
  }
}

/// `moult bench exact`.
struct BenchExact: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "exact",
    abstract: "Exact search of the full-precision vectors in batches (queries/s); a line a batch size.",
    discussion: "Of the options of other benchmarks that choose a code it takes --quantization none only.")

  @OptionGroup var data: BenchDataOptions
  @OptionGroup(visibility: .hidden) var encoding: EncodingOptions
  @OptionGroup var options: BenchRunOptions
  @Option(
    name: .customLong("write-truth"), help: "Write the neighbours to this .npy, as a --truth of other runs.")
  var writeTruth: String?
  @OptionGroup var output: OutputOptions

  func validate() throws {
    guard encoding.specification == EncodingSpecification() else {
      throw ValidationError(
        "bench exact searches vectors in full precision, so it takes --quantization none only; bench scan measures "
          + "codes")
    }
  }

  func run() throws {
    let printer = RecordPrinter(output)
    try ExactBenchmark.run(
      try data.load(), try options.options(EncodingSpecification(), k: data.k), truthPath: writeTruth,
      printer.put
    )
    printer.finish()
  }
}

/// `moult bench switch`.
struct BenchSwitch: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "switch",
    abstract: "Switch a live collection, in an engine of its own on a temporary data directory (seconds).",
    discussion: """
      With --through the collection passes other codes first, a line each: --index hnsw --through int8,binary \
      --quantization segmented builds a graph and keeps it twice. With --clients, searches run meanwhile; their p99 \
      stands beside that of --seconds without a switch.
      """)

  @OptionGroup var data: BenchDataOptions
  @OptionGroup var encoding: EncodingOptions
  @OptionGroup var graph: GraphShapeOptions
  @Option(help: "Codes to switch to before that of --quantization, with commas between; all with its index.")
  var through: CommaList<CodeName>?
  @Option(name: .customLong("gate-queries"), help: "Queries that verify a switch; without, all.")
  var gateQueries: Int?
  @Option(help: "Clients in this process that search during the switches.")
  var clients = 0
  @OptionGroup var limits: LimitOptions
  @OptionGroup var options: BenchRunOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    if let gateQueries, gateQueries < 1 {
      throw ValidationError("--gate-queries must be at least 1, got \(gateQueries)")
    }
    if clients < 0 { throw ValidationError("--clients must be at least 0, got \(clients)") }
  }

  func run() async throws {
    let directory = try ScratchDirectory(name: "moult-bench")
    defer { directory.remove() }
    let printer = RecordPrinter(output)
    var specification = encoding.specification
    if specification.index != .flat {
      specification.index = .hnsw(m: graph.m, efConstruction: graph.efConstruction)
    }
    let plan = SwitchBenchmark.Plan(
      through: (through?.values ?? []).map { name in
        var passed = name.specification
        passed.index = specification.index
        return passed
      }, gateQueryCount: gateQueries, clientCount: clients, limits: limits.limits)
    try await SwitchBenchmark.run(
      try data.load(), try options.options(specification, k: data.k), plan, directory: directory.path,
      logger: Logger(label: "moult.bench") { _ in SwiftLogNoOpLogHandler() }, printer.put,
      background: Self.withServices)
    printer.finish()
  }

  /// Runs the engine's background services while `body` runs.
  static func withServices(
    _ engine: Engine, _ body: @Sendable @escaping () async throws -> [BenchmarkRecord]
  ) async throws -> [BenchmarkRecord] {
    let group = ServiceGroup(
      services: engine.backgroundServices,
      logger: Logger(label: "moult.bench") { _ in SwiftLogNoOpLogHandler() })
    let running = Task { try await group.run() }
    do {
      let records = try await body()
      await group.triggerGracefulShutdown()
      try await running.value
      return records
    } catch {
      running.cancel()
      throw error
    }
  }
}
