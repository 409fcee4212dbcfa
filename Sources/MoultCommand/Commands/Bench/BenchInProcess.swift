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
  @OptionGroup var output: OutputOptions

  func run() throws {
    let printer = RecordPrinter(output)
    try EncodeBenchmark.run(
      try data.load(), options.options(encoding.specification, k: data.k), printer.put)
    printer.finish()
  }
}

/// `moult bench scan`.
struct BenchScan: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "scan", abstract: "Flat search over codes, with and without rescoring (queries/s, recall).")

  @OptionGroup var data: BenchDataOptions
  @OptionGroup var encoding: EncodingOptions
  @OptionGroup var options: BenchRunOptions
  @OptionGroup var output: OutputOptions

  func run() throws {
    let printer = RecordPrinter(output)
    try ScanBenchmark.run(
      try data.load(), options.options(encoding.specification, k: data.k), printer.put)
    printer.finish()
  }
}

/// `moult bench exact`.
struct BenchExact: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "exact",
    abstract: "Exact search of the full-precision vectors in batches (queries/s); a line a batch size.")

  @OptionGroup var data: BenchDataOptions
  @OptionGroup var options: BenchRunOptions
  @OptionGroup var output: OutputOptions

  func run() throws {
    let printer = RecordPrinter(output)
    try ExactBenchmark.run(
      try data.load(), options.options(EncodingSpecification(), k: data.k), printer.put)
    printer.finish()
  }
}

/// `moult bench graph`.
struct BenchGraph: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "graph",
    abstract: "Build a graph over codes and search it; a line for the build, then one for each ef.")

  @OptionGroup var data: BenchDataOptions
  @OptionGroup var encoding: EncodingOptions
  @OptionGroup var options: BenchRunOptions
  @Option(help: "Only this beam width.")
  var ef: Int?
  @OptionGroup var output: OutputOptions

  func run() throws {
    let printer = RecordPrinter(output)
    try GraphBenchmark.run(
      try data.load(), options.options(encoding.specification, k: data.k), ef: ef, printer.put)
    printer.finish()
  }
}

/// `moult bench switch`.
struct BenchSwitch: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "switch",
    abstract: "Switch a live collection, in an engine of its own on a temporary data directory (seconds).")

  @OptionGroup var data: BenchDataOptions
  @OptionGroup var encoding: EncodingOptions
  @OptionGroup var options: BenchRunOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let directory = try ScratchDirectory(name: "moult-bench")
    defer { directory.remove() }
    let printer = RecordPrinter(output)
    try await SwitchBenchmark.run(
      try data.load(), options.options(encoding.specification, k: data.k), directory: directory.path,
      logger: Logger(label: "moult.bench") { _ in SwiftLogNoOpLogHandler() }, printer.put,
      background: Self.withServices)
    printer.finish()
  }

  /// Runs the engine's background services while `body` runs.
  private static func withServices(
    _ engine: Engine, _ body: @Sendable @escaping () async throws -> JobInfo
  ) async throws -> JobInfo {
    let group = ServiceGroup(
      services: engine.backgroundServices,
      logger: Logger(label: "moult.bench") { _ in SwiftLogNoOpLogHandler() })
    let running = Task { try await group.run() }
    do {
      let job = try await body()
      await group.triggerGracefulShutdown()
      try await running.value
      return job
    } catch {
      running.cancel()
      throw error
    }
  }
}
