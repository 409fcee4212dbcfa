internal import MoultCompute
internal import MoultModel

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
      let run = QueryRun(queryCount: data.queryCount, team: team, secondsMin: secondsMin) {
        [graph, rows, guide] range in
        range.map { query in
          searcher.search(query) { prepared, vector, count in
            graph.index.search(
              encoder: rows.encoder, query: prepared, codes: rows.codes.view, live: .all, k: count,
              ef: max(ef, count), guide: guide?.prepare(vector))
          }
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
    record.oversampling = Double(point.candidates) / Double(options.k)
    point.run.fill(&record, truth: truth)
    return record
  }

  /// What all lines of one graph have in common.
  func describe(_ record: inout BenchmarkRecord) {
    record.m = graph.index.m
    record.efConstruction = graph.buildSeconds == nil ? nil : shape.efConstruction
    record.builtWith = graph.builtWith?.description
    record.buildSeconds = graph.buildSeconds
    record.graphBytesPerVector = graph.bytesPerVector
    record.guideBytesPerVector = guide?.bytesPerVector
    record.bytesPerVector =
      rows.encoder.bytesPerVector + graph.bytesPerVector + (guide?.bytesPerVector ?? 0)
  }
}
