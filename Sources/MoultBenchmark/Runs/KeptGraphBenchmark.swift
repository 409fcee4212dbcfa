internal import MoultCompute
internal import MoultModel

/// The premise of a switch that keeps its graph: every code is searched over the graphs that every code built.
///
/// A line for each graph, then one for each pair and beam width. Its difference is the recall over the kept
/// graph less that over the graph built with the searched code itself, of the same queries, with its interval;
/// the lines of fresh graphs have none.
package enum KeptGraphBenchmark {
  /// - Parameter widths: of the beam.
  /// - Throws: `invalidArgument` for fewer than two different codes.
  package static func run(
    _ data: BenchmarkData, _ options: BenchmarkOptions, codes names: [CodeName], shape: GraphShape,
    widths: [Int], _ sink: RecordSink
  ) throws {
    guard names.count > 1, Set(names).count == names.count else {
      throw MoultError(
        .invalidArgument,
        "a kept graph takes two different codes or more, got \(names.map(\.description).joined(separator: ","))"
      )
    }
    let team = options.team
    let truth = try data.truth(k: options.k)
    let originals = data.originals(team)
    let graphs = try names.map { name in
      let rows = try EncodedRows(data, name.specification, originals: originals, team: team)
      let graph = try BuiltGraph.build(rows, shape, team: team)
      let sweep = GraphSweep(
        data: data, graph: graph, rows: rows, originals: originals, options: options, shape: shape)
      var specification = name.specification
      specification.index = shape.specification
      var record = data.record("graph-build", specification, threads: options.threads)
      sweep.describe(&record)
      record.seconds = graph.buildSeconds.map { $0 + graph.encodeSeconds }
      try sink(record)
      return graph
    }
    for (place, name) in names.enumerated() {
      let rows = try EncodedRows(data, name.specification, originals: originals, team: team)
      let oversampling = name.specification.isIdentity ? 1 : name.specification.effectiveOversampling
      var fresh: [Int: [[Int64]]] = [:]
      for graph in [graphs[place]] + graphs.enumerated().filter({ $0.offset != place }).map(\.element) {
        let sweep = GraphSweep(
          data: data, graph: graph, rows: rows, originals: originals, options: options, shape: shape)
        for ef in widths {
          for point in sweep.points(ef: ef, oversamplings: [oversampling], secondsMin: options.secondsMin) {
            var record = sweep.record("kept-graph", point, truth: truth)
            if let fresh = fresh[ef] {
              let difference = Recall.pairedDifference(
                new: point.run.found, old: fresh, truth: truth.neighbours, k: options.k)
              record.recallDifference = difference.mean
              record.recallDifferenceLower = difference.lower
              record.recallDifferenceUpper = difference.upper
            } else {
              fresh[ef] = point.run.found
            }
            try sink(record)
          }
        }
      }
    }
  }
}
