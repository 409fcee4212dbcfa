internal import ArgumentParser
internal import Foundation
internal import MoultBenchmark
internal import MoultModel

/// `moult bench import`.
struct BenchImport: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "import", abstract: "Import over HTTP, durable row by row (rows/s).")

  private static let collection = "moult_bench_import"
  /// The first rows are searched for, so that a checksum tells whether two imports stored the same.
  private static let queryCount = 200
  private static let k = 10

  @Option(help: "File of vectors (.npy, .fvecs).")
  var vectors: String
  @Option(help: "File of payload lines.")
  var payload: String?
  @Option(help: "How nearness is measured: cosine, ip or l2.")
  var metric: Metric = .cosine
  @Option(help: "Rows a request.")
  var batch = 2000
  @OptionGroup var server: BenchServerOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    if batch < 1 { throw ValidationError("--batch must be at least 1, got \(batch)") }
  }

  func run() async throws {
    let source = try ImportSource(vectorsPath: vectors, payloadPath: payload, idField: nil)
    let printer = RecordPrinter(output)
    try await server.withServer { client, server in
      try? await client.dropCollection(Self.collection)
      let report = try await Importer(client: client, source: source, rowsPerRequest: batch)
        .run(into: Self.collection, metric: metric)
      var record = BenchmarkRecord(
        benchmark: "import", dataset: vectors.split(separator: "/").suffix(2).joined(separator: "/"),
        rows: report.rows, dimension: report.dimension, metric: metric,
        specification: EncodingSpecification(),
        threads: ProcessInfo.processInfo.activeProcessorCount)
      record.batch = batch
      record.seconds = report.seconds
      record.rowsPerS = report.rowsPerSecond
      record.residentMb = server?.residentBytes.map { Double($0) / 1e6 }
      let queries = try QuerySet(path: vectors, first: Self.queryCount)
      let found = try await client.nearest(
        Self.collection, queries: queries, options: SearchOptions(limit: Self.k, exact: true))
      record.k = Self.k
      record.checksum = Checksum.of(ids: found.ids)
      try printer.put(record)
      if server == nil { try await client.dropCollection(Self.collection) }
    }
    printer.finish()
  }
}
