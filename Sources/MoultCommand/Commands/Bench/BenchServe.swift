internal import ArgumentParser
internal import Foundation
internal import MoultBenchmark
internal import MoultFiles
internal import MoultModel

/// `moult bench serve`.
struct BenchServe: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "serve",
    abstract:
      "Search over HTTP while aliases are swapped and collections switched (queries/s, failed, stale).",
    discussion: """
      Two collections hold the same vectors in two forms. Clients search through an alias in a loop; \
      meanwhile the alias moves from one collection to the other, every fourth change is a rollback, and a \
      few are switches by a job. An answer is stale when what gave it was known to be replaced before its \
      request began. Exit status 1 if a search failed or was stale.
      """)

  @OptionGroup var data: BenchDataOptions
  @OptionGroup var encoding: EncodingOptions
  @Option(help: "Clients that search without a pause.")
  var clients = 4
  @Option(help: "Search at least this long; longer if the swaps take longer.")
  var seconds = 10.0
  @Option(help: "Alias swaps and rollbacks while searching.")
  var swaps = 0
  @Option(help: "Switches by a job while searching.")
  var switches = 0
  @OptionGroup var server: BenchServerOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    if clients < 1 { throw ValidationError("--clients must be at least 1, got \(clients)") }
    if swaps < 0 { throw ValidationError("--swaps must be at least 0, got \(swaps)") }
    if switches < 0 { throw ValidationError("--switches must be at least 0, got \(switches)") }
    if !(seconds > 0) { throw ValidationError("--seconds must be above 0, got \(seconds)") }
  }

  func run() async throws {
    let data = try self.data.load()
    let truth = try data.truth(k: self.data.k)
    let source = try ImportSource(vectorsPath: self.data.vectors, payloadPath: nil, idField: nil)
    guard data.rowCount == source.vectors.rowCount else {
      throw CommandFailure(.usage, "--rows cannot be used with bench serve: whole files are imported")
    }
    let printer = RecordPrinter(output)
    let window = try await server.withServer { client, server in
      let bench = ServingBenchmark(
        client: client, queries: QuerySet(values: data.queries, dimension: data.dimension), k: self.data.k,
        specification: encoding.specification)
      try await bench.prepare(source, metric: self.data.metric)
      let result = try await bench.run(
        clientCount: clients, seconds: seconds, swapCount: swaps, switchCount: switches)
      var record = BenchmarkRecord(
        benchmark: "serve", dataset: data.name, rows: data.rowCount, dimension: data.dimension,
        metric: data.metric, specification: encoding.specification,
        threads: ProcessInfo.processInfo.activeProcessorCount)
      record.set(truth.recall(ofIDs: result.found))
      record.checksum = Checksum.of(ids: result.found)
      record.clients = clients
      record.requests = result.window.requests
      record.qps = result.window.requestsPerSecond
      record.p50Ms = result.window.latency.p50Seconds * 1000
      record.p99Ms = result.window.latency.p99Seconds * 1000
      record.seconds = result.window.seconds
      record.failed = result.window.failed
      record.stale = result.window.stale
      record.swaps = result.changeCount
      record.bytesPerVector = result.bytesPerVector
      record.targetRecall = encoding.specification.targetRecall
      if record.targetRecall == nil { record.oversampling = encoding.specification.effectiveOversampling }
      record.residentMb = server?.residentBytes.map { Double($0) / 1e6 }
      try printer.put(record)
      try await bench.removeEverything()
      return result.window
    }
    printer.finish()
    guard window.failed == 0 && window.stale == 0 else {
      throw CommandFailure(
        .failure,
        "\(window.failed) searches failed, \(window.stale) were stale"
          + window.examples.map { "\n  " + $0 }.joined(),
        next: "the server's log has the details")
    }
  }
}
