internal import Foundation
package import MoultModel

/// One measured point: what was measured, on what, and the figures. One line of JSON.
///
/// A speed always comes with a recall or with the checksum of its results, so that two lines can be compared:
/// equal checksums mean equal answers. JSON names are those of the properties in snake case.
package struct BenchmarkRecord: Codable, Sendable, Equatable {
  /// encode, scan, exact, graph, kept-graph, ivf, switch, generate, difficulty, import, ingest, open, request, serve.
  package var benchmark: String
  /// The last two parts of the vectors' path.
  package var dataset: String
  package var rows: Int
  package var dimension: Int
  package var metric: String
  package var quantization: String
  package var index: String
  package var threads: Int
  /// The processor's name.
  package var machine: String
  package var isa: String
  package var blas: String
  package var commit: String
  /// The one that did the measured work; none where the CPU did it.
  package var device: String?

  package var bits: Double?
  package var quantile: Double?
  package var dimensions: Int?
  package var transform: String?
  package var oversampling: Double?
  package var targetRecall: Double?
  /// Candidates rescored a query.
  package var evaluations: Double?
  package var ef: Int?
  /// Expansions without a better hit that end a walk.
  package var patience: Int?
  package var m: Int?
  package var efConstruction: Int?
  /// Lists of an inverted file that a query looks into.
  package var probes: Int?
  package var lists: Int?
  /// The code whose scores chose a graph's links.
  package var builtWith: String?
  /// The code whose scores chose its links anew.
  package var refinedWith: String?
  /// The code that a switch replaced.
  package var switchedFrom: String?
  /// What a switch did with the graph: kept, refined, rebuilt, built.
  package var graph: String?
  /// Queries that a switch was verified with.
  package var queryCount: Int?
  package var batch: Int?
  package var k: Int?

  package var recall: Double?
  package var recallLower: Double?
  package var recallUpper: Double?
  /// Recall over a kept graph less that over a fresh one, with its 95 % interval.
  package var recallDifference: Double?
  package var recallDifferenceLower: Double?
  package var recallDifferenceUpper: Double?
  package var qps: Double?
  package var rowsPerS: Double?
  package var seconds: Double?
  package var buildSeconds: Double?
  package var p50Ms: Double?
  package var p99Ms: Double?
  package var maxMs: Double?
  /// The same searches while nothing else ran: how many, and their latencies.
  package var idleRequests: Int?
  package var idleP50Ms: Double?
  package var idleP99Ms: Double?
  package var idleMaxMs: Double?
  /// Codes with their factors, and the graph where there is one.
  package var bytesPerVector: Int?
  /// What is stored; scans may hold sketches in memory besides.
  package var codeBytesPerVector: Int?
  /// The graph's part of it.
  package var graphBytesPerVector: Int?
  /// The part of the guides that lead through the graph.
  package var guideBytesPerVector: Int?
  /// The part of an inverted file, with its centroids as they are searched.
  package var listBytesPerVector: Int?
  /// Of the ids that were found, or of the codes that were written.
  package var checksum: String?

  package var clients: Int?
  package var requests: Int?
  package var failed: Int?
  package var stale: Int?
  package var swaps: Int?
  package var residentMb: Double?
  /// How points or queries were put on the wire: frame, json or milvus; none for the engine alone.
  package var wire: String?
  /// Median latency over that of the engine alone, in microseconds.
  package var overheadUs: Double?
  /// Vectors as float32 that were made durable a second, in 10⁶ bytes.
  package var mbPerS: Double?
  /// The same bytes with the same syncs by nothing but writes, and the part of it that was reached.
  package var diskMbPerS: Double?
  package var diskShare: Double?
  /// Processor time of the server, and vectors made durable for each second of it, in 10⁶ bytes.
  package var processorSeconds: Double?
  package var mbPerProcessorS: Double?
  /// JSON that one thread reads a second, in 10⁶ bytes, and the part of the server's processor time that it takes.
  package var parseMbPerS: Double?
  package var parseShare: Double?
  /// The first search after a start, and the median of searches a while later.
  package var firstSearchMs: Double?
  /// Memory at its peak beside input and output, in 2²⁰ bytes; the note says what is counted.
  package var extraMb: Double?
  /// Intrinsic dimension around the queries.
  package var localDimension: Double?
  /// Mean distance of a row over that of the nearest one.
  package var relativeContrast: Double?
  /// Mean distance of the k-th neighbour.
  package var neighbourDistance: Double?
  package var note: String?

  package init(
    benchmark: String, dataset: String, rows: Int, dimension: Int, metric: Metric,
    specification: EncodingSpecification, threads: Int
  ) {
    let machine = MachineIdentity.current
    self.benchmark = benchmark
    self.dataset = dataset
    self.rows = rows
    self.dimension = dimension
    self.metric = metric.rawValue
    self.threads = threads
    quantization = specification.quantization.rawValue
    bits = specification.bits
    quantile = specification.quantile
    index = specification.index.name
    if let kept = specification.dimensions {
      dimensions = kept
      transform = specification.transform.rawValue
    }
    self.machine = machine.processor
    isa = machine.isa
    blas = machine.blasCore
    commit = Commit.current
  }

  package mutating func set(_ recall: MeasuredRecall) {
    k = recall.k
    self.recall = recall.mean
    recallLower = recall.lower
    recallUpper = recall.upper
  }

  /// One line of JSON with sorted names. `k`, `recall`, `bytes_per_vector` and `checksum` are always there, as
  /// `null` where a benchmark has none, so that every line has the same columns.
  package func json() throws -> String {
    let encoder = JSONEncoder()
    encoder.keyEncodingStrategy = .convertToSnakeCase
    var members = try JSONSerialization.jsonObject(with: encoder.encode(self)) as? [String: Any] ?? [:]
    for name in ["k", "recall", "bytes_per_vector", "checksum"] where members[name] == nil {
      members[name] = NSNull()
    }
    let line = try JSONSerialization.data(
      withJSONObject: members, options: [.sortedKeys, .withoutEscapingSlashes])
    return String(decoding: line, as: UTF8.self)
  }
}
