internal import ArgumentParser
internal import Foundation
internal import MoultBenchmark
internal import MoultModel

/// `moult bench request`.
struct BenchRequest: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "request",
    abstract: "What a search over REST costs beyond the engine's own work (µs).",
    discussion: """
      One client searches over Milvus' REST protocol on a connection that is kept, one query a request; in turn with it \
      the engine of the same process answers the same searches without a server. Both must find the same. The overhead \
      is the difference of the medians, the client's own system calls included.
      """)

  @Option(help: "File of vectors (.npy, .fvecs).")
  var vectors: String
  @Option(help: "File of queries; without, the first vectors are the queries.")
  var queries: String?
  @Option(help: "How nearness is measured: cosine, ip or l2.")
  var metric: Metric = .cosine
  @Option(help: "Use only the first rows.")
  var rows = 1_000
  @Option(help: "Neighbours a query.")
  var k = 10
  @Option(help: "Searches of each kind.")
  var requests = 10_000
  @OptionGroup var output: OutputOptions

  func validate() throws {
    if rows < 1 { throw ValidationError("--rows must be at least 1, got \(rows)") }
    if k < 1 { throw ValidationError("--k must be at least 1, got \(k)") }
    if requests < 1 { throw ValidationError("--requests must be at least 1, got \(requests)") }
  }

  func run() async throws {
    let data = try BenchmarkData(vectorsPath: vectors, queriesPath: queries, metric: metric, rows: rows)
    let printer = RecordPrinter(output)
    let result = try await RequestBenchmark(data: data, k: k, requestCount: requests).run()
    for (wire, latency) in [("none", result.engine), ("milvus", result.rest)] {
      var record = BenchmarkRecord(
        benchmark: "request", dataset: data.name, rows: data.rowCount, dimension: data.dimension,
        metric: metric, specification: EncodingSpecification(),
        threads: ProcessInfo.processInfo.activeProcessorCount)
      record.wire = wire
      record.clients = 1
      record.k = k
      record.requests = latency.requests
      record.p50Ms = latency.p50Seconds * 1000
      record.p99Ms = latency.p99Seconds * 1000
      record.checksum = Checksum.of(ids: result.found)
      if wire != "none" {
        record.overheadUs = (latency.p50Seconds - result.engine.p50Seconds) * 1e6
      }
      try printer.put(record)
    }
    printer.finish()
  }
}
