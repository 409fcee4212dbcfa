internal import ArgumentParser
internal import Foundation
internal import MoultBenchmark
internal import MoultModel

/// `moult bench ingest`.
struct BenchIngest: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ingest",
    abstract: "Durable inserts over HTTP beside what the disk alone takes (rows/s).",
    discussion: """
      A line a wire: frame (binary, application/vnd.moult.points), json (the admin API) and milvus (its JSON). Bodies are \
      made before the clock starts. Beside each stands what the same disk takes when the same bytes are written with the \
      same number of syncs by nothing but write and fdatasync, and for JSON what one thread reads when it does nothing \
      else. Processor time is the server's: it tells what bounds inserts also on a machine with other work.
      """)

  private static let collection = "moult_bench_ingest"
  private static let queryCount = 200
  private static let k = 10
  /// The rows' file and SQLite's log, each once a batch.
  private static let syncsPerBatch = 2

  @Option(help: "File of vectors (.npy, .fvecs).")
  var vectors: String
  @Option(help: "How nearness is measured: cosine, ip or l2.")
  var metric: Metric = .cosine
  @Option(help: "Use only the first rows.")
  var rows = 50_000
  @Option(help: "Rows a request.")
  var batch = 1_000
  @Option(help: "Requests under way at the same time.")
  var clients = 2
  @Option(help: "Wires to measure, with commas between: frame, json, milvus.")
  var wires: CommaList<IngestBenchmark.Wire> = CommaList(IngestBenchmark.Wire.allCases)
  @OptionGroup var server: BenchServerOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    if rows < 1 { throw ValidationError("--rows must be at least 1, got \(rows)") }
    if batch < 1 { throw ValidationError("--batch must be at least 1, got \(batch)") }
    if clients < 1 { throw ValidationError("--clients must be at least 1, got \(clients)") }
  }

  func run() async throws {
    let data = try BenchmarkData(vectorsPath: vectors, metric: metric, rows: rows)
    let printer = RecordPrinter(output)
    for wire in wires.values {
      // A server of its own for each, so that all begin alike.
      try await server.withServer { client, server in
        let bench = IngestBenchmark(
          client: client, data: data, collection: Self.collection, batchRows: batch, clientCount: clients)
        let writtenBefore = server?.writtenBytes
        let result = try await bench.run(wire, server: server)
        var record = record(result, wire, data)
        if let server, let before = writtenBefore, let after = server.writtenBytes {
          try add(diskOf: server, written: after - before, data, to: &record)
        }
        let found = try await client.nearest(
          Self.collection,
          queries: QuerySet(
            values: Array(data.queries.prefix(Self.queryCount * data.dimension)), dimension: data.dimension),
          options: SearchOptions(limit: Self.k, exact: true))
        record.k = Self.k
        record.checksum = Checksum.of(ids: found.ids)
        try printer.put(record)
        if server == nil { try await client.dropCollection(Self.collection) }
      }
    }
    printer.finish()
  }

  private func record(
    _ result: IngestBenchmark.Result, _ wire: IngestBenchmark.Wire, _ data: BenchmarkData
  ) -> BenchmarkRecord {
    var record = BenchmarkRecord(
      benchmark: "ingest", dataset: data.name, rows: data.rowCount, dimension: data.dimension, metric: metric,
      specification: EncodingSpecification(), threads: ProcessInfo.processInfo.activeProcessorCount)
    record.wire = wire.rawValue
    record.batch = batch
    record.clients = clients
    record.seconds = result.seconds
    record.requests = result.latency.requests
    record.rowsPerS = Double(data.rowCount) / result.seconds
    record.mbPerS = Double(data.vectorBytes) / result.seconds / 1e6
    record.p50Ms = result.latency.p50Seconds * 1000
    record.p99Ms = result.latency.p99Seconds * 1000
    if let parsed = result.parsedPerSecond {
      record.parseMbPerS = parsed / 1e6
      record.parseShare = result.processorSeconds.map { Double(result.bodyBytes) / parsed / $0 }
    }
    record.processorSeconds = result.processorSeconds
    if let processor = result.processorSeconds, processor > 0 {
      record.mbPerProcessorS = Double(data.vectorBytes) / processor / 1e6
    }
    return record
  }

  /// The rows' bytes go to one file, what else was written (SQLite's log and pages) to another, each synced once a batch.
  private func add(
    diskOf server: ServerProcess, written: Int, _ data: BenchmarkData, to record: inout BenchmarkRecord
  ) throws {
    let batches = (data.rowCount + batch - 1) / batch
    let rowBytes = data.vectorBytes / batches
    let otherBytes = max(4_096, written / batches - rowBytes)
    let seconds = try DiskProbe(directory: server.dataDirectory).secondsOfCommits(
      count: batches, bytes: [rowBytes, otherBytes])
    record.diskMbPerS = Double(data.vectorBytes) / seconds / 1e6
    record.diskShare = seconds / (record.seconds ?? seconds)
    record.note =
      "a batch writes \(rowBytes / 1000) kB of vectors and \(otherBytes / 1000) kB besides, with \(Self.syncsPerBatch) "
      + "syncs; so does the disk alone"
  }
}
