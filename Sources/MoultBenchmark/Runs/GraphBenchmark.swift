internal import MoultCompute
internal import MoultModel

/// Building a graph over codes, then searching it with a widening beam: a line for the build, then one for
/// each `ef` and number of rescored candidates.
///
/// The graph may be built with another code than it is searched with, as after a switch that keeps it.
package enum GraphBenchmark {
  package struct Plan: Sendable {
    package var shape: GraphShape
    /// `nil` builds with the code that is searched.
    package var buildWith: CodeName?
    /// Empty: those of `GraphSweep`.
    package var widths: [Int]
    /// Candidates per hit that are rescored, no more than the beam holds. Empty: that of the form.
    package var oversamplings: [Double]
    /// A graph of these rows to search instead of building one.
    package var readPath: String?
    /// Where to keep the graph that was built.
    package var writePath: String?
    /// Whether guides lead the walk, as in the engine.
    package var isGuided: Bool
    /// Expansions without a better hit that end a walk.
    package var patience: Int?
    /// Code whose scores choose the graph's links anew.
    package var refineWith: CodeName?
    /// Rows that are expanded around each row then.
    package var refineBreadth: Int?

    package init(
      shape: GraphShape = GraphShape(), buildWith: CodeName? = nil, widths: [Int] = [],
      oversamplings: [Double] = [], readPath: String? = nil, writePath: String? = nil,
      isGuided: Bool = true, patience: Int? = nil, refineWith: CodeName? = nil, refineBreadth: Int? = nil
    ) {
      self.shape = shape
      self.buildWith = buildWith
      self.widths = widths
      self.oversamplings = oversamplings
      self.readPath = readPath
      self.writePath = writePath
      self.isGuided = isGuided
      self.patience = patience
      self.refineWith = refineWith
      self.refineBreadth = refineBreadth
    }
  }

  /// - Throws: `unsupported` for a target of recall; what reading a graph throws.
  package static func run(
    _ data: BenchmarkData, _ options: BenchmarkOptions, _ plan: Plan, _ sink: RecordSink
  ) throws {
    try options.refuseTargetRecall("bench graph compares beam widths with fixed oversamplings")
    let team = options.team
    let truth = try data.truth(k: options.k)
    let originals = data.originals(team)
    let rows = try EncodedRows(data, options.specification, originals: originals, team: team)
    let calls = options.deviceCalls
    var graph = try graph(of: data, rows, originals, plan, team)
    let builtOn = options.deviceName(since: calls)
    if let path = plan.writePath { try graph.write(to: path) }
    if let name = plan.refineWith {
      let refining =
        name == rows.name
        ? rows : try EncodedRows(data, name.specification, originals: originals, team: team)
      let (refined, seconds) = try graph.refined(
        with: refining, plan.shape, breadth: plan.refineBreadth, team: team)
      graph = refined
      var record = data.record("graph-refine", name.specification, threads: options.threads)
      record.refinedWith = name.description
      record.seconds = seconds
      record.rowsPerS = Double(data.rowCount) / seconds
      try sink(record)
    }
    let sweep = GraphSweep(
      data: data, graph: graph, rows: rows, originals: originals, options: options, shape: plan.shape,
      guide: plan.isGuided
        ? GraphGuide(encoder: rows.encoder, codes: rows.codes.view, parallel: team.parallelFor) : nil,
      patience: plan.patience)
    if let seconds = graph.buildSeconds {
      var specification = (plan.buildWith ?? rows.name).specification
      specification.index = plan.shape.specification
      var record = data.record("graph-build", specification, threads: options.threads)
      sweep.describe(&record)
      record.seconds = seconds + graph.encodeSeconds
      record.rowsPerS = Double(data.rowCount) / (seconds + graph.encodeSeconds)
      record.device = builtOn
      if builtOn != nil { record.note = "the device chose the links of level 0, in full precision" }
      try sink(record)
    }
    let form = options.specification
    let oversamplings =
      form.isIdentity ? [1] : plan.oversamplings.isEmpty ? [form.effectiveOversampling] : plan.oversamplings
    for ef in plan.widths.isEmpty ? GraphSweep.widths : plan.widths {
      for point in sweep.points(ef: ef, oversamplings: oversamplings, secondsMin: options.secondsMin) {
        try sink(sweep.record("graph", point, truth: truth))
      }
    }
  }

  private static func graph(
    of data: BenchmarkData, _ rows: EncodedRows, _ originals: CodeStore, _ plan: Plan, _ team: ThreadTeam
  ) throws -> BuiltGraph {
    if let path = plan.readPath { return try BuiltGraph.read(path, rowCount: data.rowCount) }
    guard let name = plan.buildWith, name != rows.name else {
      return try BuiltGraph.build(rows, plan.shape, originals: originals, team: team)
    }
    let building = try EncodedRows(data, name.specification, originals: originals, team: team)
    return try BuiltGraph.build(building, plan.shape, originals: originals, team: team)
  }
}
