import MoultCompute
import MoultJobs
import MoultModel
import MoultStorage

/// What the new form finds, beside what the source finds.
extension ReindexJob {
  func verify(
    _ target: Collection, builder: GenerationBuilder?, costs: GenerationBuilder.Costs?
  ) async throws -> SwitchReport {
    let gate = RecallGate(
      minimumRecall: arguments.minimumRecall, maximumLoss: arguments.maximumLoss, k: arguments.k,
      seed: UInt64(bitPattern: target.id))
    let queries = try await resources.background.run {
      if target.hasPlaceholder { return GateQueries.none }
      // Queries of another model say nothing here.
      let asked = embedding == nil ? source : target
      return GateQueries(
        given: try directory.read { db in try JobQueries.load(of: context.record.id, in: db) },
        recent: asked.recentQueries, snapshot: asked.snapshot, target: arguments.specification.targetRecall,
        k: arguments.k, seed: gate.seed)
    }
    guard let builder, let costs else {
      return try await measurePlain(target, gate: gate, queries: queries)
    }
    try context.reportProgress(phase: "verify", rowsDone: 0, rowsTotal: 0)
    let start = ContinuousClock.now
    let outcome = try await GenerationVerification(
      builder: builder, gate: gate, queries: queries, costs: costs
    ).run(comparingWithLive: false, elsewhere: { sourceRecall(gate, queries, like: $0) })
    let snapshot = target.snapshot
    return SwitchReport(
      outcome, gate: gate, before: source.snapshot.live, after: snapshot.building ?? snapshot.live,
      rows: snapshot.liveCount, costs: costs, verifySeconds: start.secondsToNow)
  }

  /// The target keeps full precision and has no index: nothing was built, recall is measured all the same.
  private func measurePlain(
    _ target: Collection, gate: RecallGate, queries: GateQueries
  ) async throws -> SwitchReport {
    try context.reportProgress(phase: "verify", rowsDone: 0, rowsTotal: 0)
    let start = ContinuousClock.now
    let snapshot = target.snapshot
    let parallel = resources.background.parallelFor
    let measurement = try await resources.background.run {
      let trial = gate.trial(
        snapshot, of: snapshot.live, queries: queries, calibrating: nil, parallel: parallel)
      var measurement = gate.measure(trial, snapshot, before: nil, after: snapshot.live, parallel: parallel)
      measurement.before = sourceRecall(gate, queries, like: measurement)
      try context.checkCancellation()
      try gate.check(measurement, of: arguments.specification)
      return measurement
    }
    return SwitchReport(
      .init(measurement: measurement, graph: nil, indexSeconds: 0), gate: gate, before: source.snapshot.live,
      after: snapshot.live, rows: snapshot.liveCount, costs: GenerationBuilder.Costs(),
      verifySeconds: start.secondsToNow)
  }

  /// The source's own recall on the queries that measured the target; `nil` if they cannot be compared.
  private func sourceRecall(
    _ gate: RecallGate, _ queries: GateQueries, like measurement: RecallGate.Measurement
  ) -> [QueryRecall]? {
    guard embedding == nil else { return nil }
    let snapshot = source.snapshot
    let parallel = resources.background.parallelFor
    // The same seed and number of queries: the same half of them, when the target was calibrated on the other.
    let trial = gate.trial(
      snapshot, of: snapshot.live, queries: queries, calibrating: nil, parallel: parallel)
    guard let trial, measurement.source != .none else { return nil }
    let sample = measurement.rescoring == nil ? trial.sample : gate.measuringHalf(of: trial.sample)
    let recall = sample.answers(snapshot, of: snapshot.live, rescoring: nil, parallel: parallel).searched
    return recall.count == measurement.after.count ? recall : nil
  }
}
