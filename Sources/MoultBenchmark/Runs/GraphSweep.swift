internal import MoultCompute
internal import MoultModel
internal import Synchronization

/// Searches a graph with beams of several widths.
struct GraphSweep {
  let data: BenchmarkData
  let graph: BuiltGraph
  let rows: EncodedRows
  let originals: CodeStore
  let options: BenchmarkOptions
  let shape: GraphShape
  /// Leads the walk, as in the engine; `nil` lets the codes do it.
  var guide: GraphGuide?
  /// Expansions without a better hit that end a walk.
  var patience: Int?
  private let places = PlacePool()

  init(
    data: BenchmarkData, graph: BuiltGraph, rows: EncodedRows, originals: CodeStore,
    options: BenchmarkOptions, shape: GraphShape, guide: GraphGuide? = nil, patience: Int? = nil
  ) {
    self.data = data
    self.graph = graph
    self.rows = rows
    self.originals = originals
    self.options = options
    self.shape = shape
    self.guide = guide
    self.patience = patience
  }

  /// Where one thread prepares queries and finds their neighbours.
  private struct Place: Sendable {
    let batch: QueryBatch
    let lists = NeighborLists()
  }

  private final class PlacePool: Sendable {
    let idle = Mutex<[Place]>([])
  }

  /// Beam widths that draw the curve from a recall of about 0.7 to 1.
  static let widths = [10, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768]

  /// One beam width with one number of candidates that are rescored.
  struct Point {
    let ef: Int
    let candidates: Int
    let run: QueryRun
  }

  /// Candidates to rescore with a beam of that width: `k` times each oversampling, but no more than the
  /// beam holds. Ascending, each once.
  static func candidateCounts(k: Int, ef: Int, oversamplings: [Double]) -> [Int] {
    let counts = oversamplings.map { min(max(ef, k), max(k, Int((Double(k) * $0 - 1e-9).rounded(.up)))) }
    return Set(counts).sorted()
  }

  /// - Parameter secondsMin: shortest time of the measurement of a point.
  func points(ef: Int, oversamplings: [Double], secondsMin: Double) -> [Point] {
    let team = options.team
    return Self.candidateCounts(k: options.k, ef: ef, oversamplings: oversamplings).map { candidates in
      let searcher = CandidateSearch(
        data: data, encoder: rows.encoder, codes: rows.codes, originals: originals, k: options.k,
        rescoring: .oversampling(Double(candidates) / Double(options.k)))
      let run = QueryRun(
        queryCount: data.queryCount, batch: options.batch ?? 1, team: team, secondsMin: secondsMin
      ) { range in
        let place = places.idle.withLock { $0.popLast() } ?? Place(batch: QueryBatch(encoder: rows.encoder))
        defer { places.idle.withLock { $0.append(place) } }
        return searcher.search(range) { vectors, count in
          place.batch.prepare(vectors, count: range.count)
          graph.index.search(
            place.batch, codes: rows.codes.view, live: .all, k: count, ef: max(ef, count),
            patience: patience, guide: guide, into: place.lists)
          return place.lists
        }
      }
      return Point(ef: ef, candidates: candidates, run: run)
    }
  }

  func record(_ benchmark: String, _ point: Point, truth: GroundTruth) -> BenchmarkRecord {
    var specification = rows.encoder.specification
    specification.index = shape.specification
    var record = data.record(benchmark, specification, threads: options.threads)
    describe(&record)
    record.ef = point.ef
    record.patience = patience
    record.batch = options.batch
    record.oversampling = Double(point.candidates) / Double(options.k)
    point.run.fill(&record, truth: truth)
    return record
  }

  /// What all lines of one graph have in common.
  func describe(_ record: inout BenchmarkRecord) {
    record.m = graph.index.m
    record.efConstruction = graph.buildSeconds == nil ? nil : shape.efConstruction
    record.builtWith = graph.builtWith?.description
    record.refinedWith = graph.refinedWith?.description
    record.buildSeconds = graph.buildSeconds
    record.graphBytesPerVector = graph.bytesPerVector
    record.guideBytesPerVector = guide?.bytesPerVector
    record.bytesPerVector =
      rows.encoder.bytesPerVector + graph.bytesPerVector + (guide?.bytesPerVector ?? 0)
  }
}
