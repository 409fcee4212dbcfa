internal import MoultCompute
internal import MoultModel

/// Putting rows into lists, then searching more and more of them: a line for the build, then one for each number
/// of probes and of rescored candidates.
package enum IVFBenchmark {
  package struct Plan: Sendable {
    /// `nil` takes the default for so many rows.
    package var lists: Int?
    /// Empty: a sweep from a recall of about 0.6 to 1.
    package var probes: [Int]
    /// Candidates per hit that are rescored. Empty: that of the form.
    package var oversamplings: [Double]

    package init(lists: Int? = nil, probes: [Int] = [], oversamplings: [Double] = []) {
      self.lists = lists
      self.probes = probes
      self.oversamplings = oversamplings
    }
  }

  private static let probes = [4, 8, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512]

  /// - Throws: `unsupported` for a target of recall.
  package static func run(
    _ data: BenchmarkData, _ options: BenchmarkOptions, _ plan: Plan, _ sink: RecordSink
  ) throws {
    try options.refuseTargetRecall("bench ivf compares numbers of probes with fixed oversamplings")
    let team = options.team
    let truth = try data.truth(k: options.k)
    let originals = data.originals(team)
    let rows = try EncodedRows(data, options.specification, originals: originals, team: team)
    let calls = options.deviceCalls
    let file = try BuiltLists.build(data, originals, lists: plan.lists, team: team)
    let builtOn = options.deviceName(since: calls)
    let codes = IVFCodes(
      index: file.index, encoder: rows.encoder, codes: rows.codes.view, parallel: team.parallelFor)
    func record(_ benchmark: String) -> BenchmarkRecord {
      var specification = rows.encoder.specification
      specification.index = .ivf(lists: plan.lists)
      var record = data.record(benchmark, specification, threads: options.threads)
      record.lists = file.index.listCount
      record.buildSeconds = file.buildSeconds
      record.listBytesPerVector = file.bytesPerVector
      record.bytesPerVector = (codes?.bytesPerVector ?? rows.encoder.bytesPerVector) + file.bytesPerVector
      return record
    }
    var build = record("ivf-build")
    build.seconds = file.buildSeconds
    build.rowsPerS = Double(data.rowCount) / file.buildSeconds
    build.device = builtOn
    try sink(build)

    let index = IVFVectorIndex(file.index, listed: codes)
    let form = options.specification
    let oversamplings =
      form.isIdentity ? [1] : plan.oversamplings.isEmpty ? [form.effectiveOversampling] : plan.oversamplings
    let sweep = plan.probes.isEmpty ? probes.filter { $0 < file.index.listCount } : plan.probes
    for probes in sweep {
      for oversampling in Set(oversamplings).sorted() {
        let searcher = CandidateSearch(
          data: data, encoder: rows.encoder, codes: rows.codes, originals: originals, k: options.k,
          rescoring: .oversampling(oversampling))
        let run = QueryRun(queryCount: data.queryCount, team: team, secondsMin: options.secondsMin) { range in
          // One by one, as single requests come, like those of bench graph.
          range.flatMap { searcher.search($0..<$0 + 1, index, breadth: probes) }
        }
        var line = record("ivf")
        line.probes = probes
        line.oversampling = oversampling
        run.fill(&line, truth: truth)
        try sink(line)
      }
    }
  }
}
