import MoultCompute
import MoultJobs
import MoultModel

/// Measures an attached generation and settles what becomes of its indexes: kept as long as they serve the new
/// codes; graphs are refined otherwise, and rebuilt where that is not enough.
struct GenerationVerification: Sendable {
  struct Outcome: Sendable {
    var measurement: RecallGate.Measurement
    var graph: GraphWork?
    /// Time spent on better graphs.
    var indexSeconds: Double
  }

  /// The graph is looked into when recall falls by more than this from one generation to the next, and is held
  /// to be at fault when it surely costs more than this: a graph loses a little always.
  private static let graphLossMax = 0.01

  let builder: GenerationBuilder
  let gate: RecallGate
  let queries: GateQueries
  let costs: GenerationBuilder.Costs

  private var collection: Collection { builder.collection }
  private var parallel: ParallelFor { builder.parallel }

  /// - Parameters:
  ///   - comparingWithLive: measures the generation that answers today on the same queries.
  ///   - elsewhere: finds what to compare with where it is another collection's.
  /// - Throws: `recallGateFailed`; `cancelled`.
  func run(
    comparingWithLive: Bool, elsewhere: (@Sendable (RecallGate.Measurement) -> [QueryRecall]?)? = nil
  ) async throws -> Outcome {
    // One snapshot from the truth to the last measurement: what is written meanwhile is in none of them.
    var (snapshot, generation) = try attached()
    let before = comparingWithLive ? snapshot.live : nil
    let target = builder.specification.targetRecall
    let trial = try await onPool { [snapshot, generation] in
      gate.trial(snapshot, of: generation, queries: queries, calibrating: target, parallel: parallel)
    }
    func measure(_ snapshot: CollectionSnapshot, _ generation: GenerationView) async throws
      -> RecallGate.Measurement
    {
      try await onPool {
        var measurement = gate.measure(trial, snapshot, before: before, after: generation, parallel: parallel)
        if let elsewhere { measurement.before = elsewhere(measurement) }
        return measurement
      }
    }
    var outcome = Outcome(measurement: try await measure(snapshot, generation), graph: nil, indexSeconds: 0)
    guard let kind = costs.index else {
      try gate.check(outcome.measurement, of: builder.specification)
      return outcome
    }
    var work = GraphWork(
      kind: kind, index: costs.indexName, reason: Self.reason(kind), seconds: costs.indexSeconds)
    let hasGraphs = generation.indexes.values.contains(where: \.isGraph)
    let isOtherSpace =
      before.map { GraphSpace($0.specification) != GraphSpace(generation.specification) } ?? false
    if kind == .kept, let trial, isSuspect(outcome.measurement) || isOtherSpace {
      let measured = outcome.measurement
      let flat = try await onPool { [snapshot, generation] in
        trial.sample.answers(
          snapshot, of: generation, rescoring: measured.rescoring, flat: true, parallel: parallel
        ).searched
      }
      outcome.measurement.flat = flat
      var reasons: [String] = []
      // What lists miss they miss with any codes: only graphs are worth building anew.
      for improvement in GenerationBuilder.GraphImprovement.allCases where hasGraphs {
        guard let fault = fault(outcome.measurement, flat: flat) else { break }
        reasons.append((reasons.isEmpty ? "" : "refined it was not enough: ") + fault)
        let start = ContinuousClock.now
        try await builder.improveGraphs(by: improvement)
        outcome.indexSeconds += start.secondsToNow
        work.kind = improvement == .refining ? .refined : .rebuilt
        work.reason = reasons.joined(separator: "; ")
        work.seconds = costs.indexSeconds + outcome.indexSeconds
        let improved = try attached().1.indexes
        for id in generation.indexes.keys { generation.indexes[id] = improved[id] }
        snapshot.updateGeneration(generation.id) { [generation] in $0.indexes = generation.indexes }
        outcome.measurement = try await measure(snapshot, generation)
        outcome.measurement.flat = flat
      }
    }
    outcome.graph = work
    try gate.check(outcome.measurement, of: builder.specification)
    return outcome
  }

  private static func reason(_ kind: GraphWork.Kind) -> String {
    kind == .kept
      ? "the indexes at hand serve the new codes" : "there were no indexes of this kind for these segments"
  }

  private func isSuspect(_ measurement: RecallGate.Measurement) -> Bool {
    if !gate.passes(measurement) { return true }
    guard let difference = measurement.difference else { return false }
    return difference.mean < -Self.graphLossMax
  }

  /// Why the graph, and not the codes, is what recall lacks; `nil` if it is not.
  private func fault(_ measurement: RecallGate.Measurement, flat: [QueryRecall]) -> String? {
    let loss = Recall.pairedDifference(new: measurement.after, old: flat, k: measurement.k)
    var scanned = measurement
    scanned.after = flat
    let isDecisive = !gate.passes(measurement) && gate.passes(scanned)
    guard isDecisive || loss.upper < -Self.graphLossMax else { return nil }
    return
      "through the graph recall@\(measurement.k) was \(RecallGate.text(-loss.mean)) below a scan of the same "
      + "codes" + (isDecisive ? ", which passes the gate" : "")
  }

  private func attached() throws -> (CollectionSnapshot, GenerationView) {
    let snapshot = collection.snapshot
    guard let building = snapshot.building, building.id == builder.generationID else {
      throw MoultError(
        .internalError, "generation \(builder.generationID) of '\(collection.name)' is not attached")
    }
    return (snapshot, building)
  }

  private func onPool<Result: Sendable>(
    _ body: @escaping @Sendable () throws -> Result
  ) async throws -> Result {
    try await builder.resources.background.run {
      let result = try body()
      try builder.context.checkCancellation()
      return result
    }
  }
}
