internal import ArgumentParser
internal import MoultBenchmark
internal import MoultModel

/// The data of a benchmark.
struct BenchDataOptions: ParsableArguments {
  @Option(help: "File of vectors (.npy, .fvecs).")
  var vectors: String
  @Option(help: "File of queries; without, the first vectors are the queries.")
  var queries: String?
  @Option(help: "File of true neighbours (.npy of int32 or int64, .ivecs); without, they are computed.")
  var truth: String?
  @Option(help: "How nearness is measured: cosine, ip or l2.")
  var metric: Metric = .cosine
  @Option(help: "Use only the first rows.")
  var rows: Int?
  @Option(help: "Neighbours a query.")
  var k = 10

  func validate() throws {
    if let rows, rows < 1 { throw ValidationError("--rows must be at least 1, got \(rows)") }
    if k < 1 { throw ValidationError("--k must be at least 1, got \(k)") }
  }

  func load(trainingQueries: String? = nil) throws -> BenchmarkData {
    let data = try BenchmarkData(
      vectorsPath: vectors, queriesPath: queries, truthPath: truth, trainingQueriesPath: trainingQueries,
      metric: metric, rows: rows)
    guard data.rowCount >= k else {
      throw CommandFailure(.failure, "\(data.rowCount) rows are fewer than --k \(k)")
    }
    return data
  }
}

/// How a benchmark in process is run.
struct BenchRunOptions: ParsableArguments {
  @Option(help: "Rows a call of the encoder, queries a scan or a call of exact search, rows a write.")
  var batch: Int?
  @Option(help: "Threads; 0 takes one a processor.")
  var threads = 0
  @Option(help: "Shortest time of a measurement in seconds.")
  var seconds = 1.0
  @Option(help: "Where batch work runs: cpu, cuda or auto; without, as MOULT_DEVICE says, or auto.")
  var device: DeviceChoice?

  func validate() throws {
    if let batch, batch < 1 { throw ValidationError("--batch must be at least 1, got \(batch)") }
    if threads < 0 { throw ValidationError("--threads must be at least 0, got \(threads)") }
    if !(seconds > 0 && seconds <= 3600) {
      throw ValidationError("--seconds must be above 0, got \(seconds)")
    }
  }

  /// - Throws: for a device that was asked for on the command line and is not there.
  func options(_ specification: EncodingSpecification, k: Int) throws -> BenchmarkOptions {
    var options = BenchmarkOptions(
      specification: specification, threads: threads, batch: batch, k: k, secondsMin: seconds)
    let problem = options.choose(try device ?? DeviceChoice(variable: Environment.device))
    if let problem {
      guard device == nil else {
        throw CommandFailure(
          .failure, "--device cuda: \(problem)",
          next: "`moult doctor` shows what there is; `make cuda` builds the library")
      }
      Console.say(
        "warning: \(DeviceChoice.variable)=cuda asks for a device, but the CPU is measured: \(problem)")
    }
    return options
  }
}

/// Writes measured points: JSON at once, or a table at the end.
final class RecordPrinter {
  private let json: Bool
  private var records: [BenchmarkRecord] = []

  init(_ output: OutputOptions) {
    json = output.json
  }

  func put(_ record: BenchmarkRecord) throws {
    if json { Console.put(try record.json()) } else { records.append(record) }
  }

  /// To be called after the last point.
  func finish() {
    if !json { Console.put(Self.table(records)) }
  }

  /// Only columns in which at least one point has a figure.
  static func table(_ records: [BenchmarkRecord]) -> String {
    let columns: [(String, TextTable.Alignment, (BenchmarkRecord) -> String?)] = [
      ("BENCHMARK", .left, { $0.benchmark }),
      ("FORM", .left, form),
      ("ROWS", .right, { Figure.grouped($0.rows) }),
      ("DIM", .right, { String($0.dimension) }),
      ("THREADS", .right, { String($0.threads) }),
      ("DEVICE", .left, { $0.device }),
      ("CLIENTS", .right, { $0.clients.map(String.init) }),
      ("BATCH", .right, { $0.batch.map(String.init) }),
      ("FROM", .left, { $0.switchedFrom }),
      ("BUILT WITH", .left, { $0.builtWith }),
      ("M", .right, { $0.m.map(String.init) }),
      ("EF CONSTRUCTION", .right, { $0.efConstruction.map(String.init) }),
      ("GRAPH", .left, { $0.graph }),
      ("LISTS", .right, { $0.lists.map(String.init) }),
      ("PROBES", .right, { $0.probes.map(String.init) }),
      ("EF", .right, { $0.ef.map(String.init) }),
      ("WIRE", .left, { $0.wire }),
      ("RESCORE", .right, { $0.oversampling.map { "×" + Figure.fixed($0, 1) } }),
      ("TARGET", .right, { $0.targetRecall.map { Figure.fixed($0, 3) } }),
      ("EVALUATIONS", .right, { $0.evaluations.map { Figure.fixed($0, 1) } }),
      ("BYTES/VECTOR", .right, { $0.bytesPerVector.map(String.init) }),
      ("RECALL", .right, { $0.recall.map { Figure.fixed($0, 4) } }),
      ("DIFFERENCE", .right, { $0.recallDifference.map { Figure.fixed($0, 4) } }),
      ("LOCAL DIMENSION", .right, { $0.localDimension.map { Figure.fixed($0, 2) } }),
      ("CONTRAST", .right, { $0.relativeContrast.map { Figure.fixed($0, 3) } }),
      ("K-TH DISTANCE", .right, { $0.neighbourDistance.map { Figure.fixed($0, 4) } }),
      ("QPS", .right, { $0.qps.map { Figure.grouped(Int($0)) } }),
      ("ROWS/S", .right, { $0.rowsPerS.map { Figure.grouped(Int($0)) } }),
      ("SECONDS", .right, { $0.seconds.map { Figure.fixed($0, 4) } }),
      ("BUILD S", .right, { $0.buildSeconds.map { Figure.fixed($0, 2) } }),
      ("P50 MS", .right, { $0.p50Ms.map { Figure.fixed($0, 3) } }),
      ("P99 MS", .right, { $0.p99Ms.map { Figure.fixed($0, 3) } }),
      ("OVERHEAD µs", .right, { $0.overheadUs.map { Figure.fixed($0, 1) } }),
      ("IDLE P99 MS", .right, { $0.idleP99Ms.map { Figure.fixed($0, 3) } }),
      ("MB/S", .right, { $0.mbPerS.map { Figure.fixed($0, 1) } }),
      ("MB/PROCESSOR S", .right, { $0.mbPerProcessorS.map { Figure.fixed($0, 1) } }),
      ("DISK MB/S", .right, { $0.diskMbPerS.map { Figure.fixed($0, 1) } }),
      ("OF DISK", .right, { $0.diskShare.map { Figure.fixed($0, 2) } }),
      ("PARSE MB/S", .right, { $0.parseMbPerS.map { Figure.fixed($0, 0) } }),
      ("PARSING", .right, { $0.parseShare.map { Figure.fixed($0, 2) } }),
      ("FIRST SEARCH MS", .right, { $0.firstSearchMs.map { Figure.fixed($0, 1) } }),
      ("EXTRA MB", .right, { $0.extraMb.map { Figure.fixed($0, 1) } }),
      ("SWAPS", .right, { $0.swaps.map(String.init) }),
      ("FAILED", .right, { $0.failed.map(String.init) }),
      ("STALE", .right, { $0.stale.map(String.init) }),
      ("CHECKSUM", .left, { $0.checksum }),
      ("NOTE", .left, { $0.note }),
    ]
    let used = columns.filter { column in records.contains { column.2($0) != nil } }
    var table = TextTable(used.map { ($0.0, $0.1) })
    for record in records { table.append(used.map { $0.2(record) ?? "" }) }
    guard let first = records.first else { return "" }
    return
      "\(first.dataset), \(first.metric), \(first.machine), \(first.isa), BLAS \(first.blas), "
      + "commit \(first.commit)\n" + table.rendered()
  }

  private static func form(_ record: BenchmarkRecord) -> String? {
    var parts = [record.quantization == Quantization.none.rawValue ? "float32" : record.quantization]
    if let bits = record.bits { parts.append("\(Figure.short(bits)) bits") }
    if let quantile = record.quantile { parts.append("quantile \(Figure.short(quantile))") }
    if let dimensions = record.dimensions { parts.append("\(dimensions) \(record.transform ?? "")") }
    if record.index != IndexSpecification.flat.name { parts.append(record.index) }
    return parts.joined(separator: " ")
  }
}
