import Foundation
import GRDB
import MoultCompute
import MoultJobs
import MoultModel
import MoultStorage

/// Gives a live collection a new generation: train, encode, index, attach, measure, swap.
struct SwitchJob: Sendable {
  static let kind = "switch"

  struct Arguments: Codable, Sendable {
    var collection: Int64
    var specification: EncodingSpecification
    var minimumRecall: Double
    /// Absent in jobs of earlier versions.
    var maximumLoss: Double?
    var k: Int
    /// Absent in jobs of earlier versions.
    var limits: JobLimits?
  }

  /// Where a later attempt goes on; the generation's own progress is in the catalog.
  struct Checkpoint: Codable, Sendable {
    var generation: Int64
    /// Absent until it was measured.
    var verdict: Verdict?
  }

  struct Result: Codable, Sendable {
    var generation: Int64
    var report: SwitchReport
    /// Of a re-embedding.
    var embedding: EmbeddingReport?
  }

  let resources: EngineResources
  let collection: Collection
  let arguments: Arguments
  let context: JobContext
  let pace: Pace

  private var directory: DataDirectory { resources.directory }

  func run() async throws -> Data? {
    let start = ContinuousClock.now
    let checkpoint = try await resources.writing.run { try ensureGeneration() }
    let generation = checkpoint.generation
    let builder = GenerationBuilder(
      resources: resources, collection: collection, generationID: generation,
      specification: arguments.specification, context: context, pace: pace)
    do {
      let costs = try await builder.build()
      let verdict = try await Verdict.reach(context, present: checkpoint.verdict) {
        var report = try await verify(builder, costs: costs)
        report.totalSeconds = start.secondsToNow
        report.addCosts(of: checkpoint.verdict?.report)
        let verdict = Verdict(report: report, reachedAt: context.now)
        try context.saveCheckpoint(
          JSONEncoder().encode(Checkpoint(generation: generation, verdict: verdict)))
        return verdict
      }
      return try await swap(to: generation, report: verdict.report)
    } catch let held as JobHeld {
      // The generation stays attached: the writer keeps it up to date while the job waits.
      throw held
    } catch {
      let error = resources.waitingForRoom(error) {
        try SwitchBill(
          resources: resources, collection: collection, specification: arguments.specification,
          copiesVectors: false
        ).diskNeeded(whenGenerationHasBegun: generation)
      }
      await GenerationDisposal(resources: resources, collection: collection)
        .afterFailure(error, generation: generation, context: context)
      throw error
    }
  }

  /// The generation of an earlier attempt, or a new one; recorded together with the checkpoint that names it.
  private func ensureGeneration() throws -> Checkpoint {
    try directory.write { db in
      if let data = context.record.checkpoint {
        let checkpoint = try JSONDecoder().decode(Checkpoint.self, from: data)
        let present = try directory.catalog.generations(of: collection.id, in: db)
        if present.contains(where: { $0.id == checkpoint.generation && $0.state == .building }) {
          return checkpoint
        }
      }
      let record = try directory.catalog.insertGeneration(
        collection: collection.id, specification: arguments.specification, in: db)
      let checkpoint = Checkpoint(generation: record.id)
      try context.saveCheckpoint(JSONEncoder().encode(checkpoint), in: db)
      return checkpoint
    }
  }

  private func verify(_ builder: GenerationBuilder, costs: GenerationBuilder.Costs) async throws
    -> SwitchReport
  {
    try context.reportProgress(phase: "verify", rowsDone: 0, rowsTotal: 0)
    let start = ContinuousClock.now
    let gate = RecallGate(
      minimumRecall: arguments.minimumRecall, maximumLoss: arguments.maximumLoss, k: arguments.k,
      seed: UInt64(bitPattern: builder.generationID))
    let queries = try await resources.background.run {
      GateQueries(
        given: try directory.read { db in try JobQueries.load(of: context.record.id, in: db) },
        recent: collection.recentQueries, snapshot: collection.snapshot,
        target: arguments.specification.targetRecall, k: arguments.k, seed: gate.seed)
    }
    let outcome = try await GenerationVerification(
      builder: builder, gate: gate, queries: queries, costs: costs
    ).run(comparingWithLive: true)
    let snapshot = collection.snapshot
    return SwitchReport(
      outcome, gate: gate, before: snapshot.live, after: snapshot.building ?? snapshot.live,
      rows: snapshot.liveCount, costs: costs, verifySeconds: start.secondsToNow)
  }

  /// The pointer moves and the job completes in one transaction; then new requests see the generation.
  private func swap(to generation: Int64, report: SwitchReport) async throws -> Data {
    try context.reportProgress(phase: "swap", rowsDone: 0, rowsTotal: 0, force: true)
    let result = try JSONEncoder().encode(Result(generation: generation, report: report))
    let obsolete = try await collection.writers.run {
      try await resources.writing.run {
        try resources.publication.commit(directory) { db in
          let (record, obsolete) = try GenerationSwap.publish(
            generation, of: collection.id, report: report, job: context.record, catalog: directory.catalog,
            in: db)
          try JobQueries.delete(of: context.record.id, in: db)
          try context.completeInTransaction(db, result: result)
          return (record, obsolete)
        } publish: { record, _ in
          collection.publish(collection.snapshot.swapped(to: record, report: report))
        }.1
      }
    }
    // Readers of the retired generation keep their mappings; only the names go.
    try? await resources.writing.run { try directory.removeFiles(obsolete) }
    try? await resources.writing.run { IndexJob.enqueueIfNeeded(for: collection, in: resources) }
    return result
  }
}

extension SwitchReport {
  init(
    _ outcome: GenerationVerification.Outcome, gate: RecallGate, before: GenerationView,
    after: GenerationView, rows: Int, costs: GenerationBuilder.Costs, verifySeconds: Double
  ) {
    let measurement = outcome.measurement
    var notes = costs.notes + measurement.notes
    switch measurement.source {
    case .given, .recentSearches: break
    case .perturbedDocuments:
      notes.append(
        "recall was measured on stored vectors with noise added, which is optimistic; give real queries with "
          + "--queries, or search first: \(GateQueries.recentQueriesMin) different queries are enough")
    case .none: notes.append("the collection is empty; recall could not be measured")
    }
    self.init(
      querySource: measurement.source, recallBefore: measurement.estimate(measurement.before),
      recallAfter: measurement.estimate(measurement.after), recallDifference: measurement.difference,
      recallFlat: measurement.estimate(measurement.flat),
      recallWithoutRescoring: measurement.estimate(measurement.withoutRescoring),
      rescoring: measurement.rescoring, minimumRecall: gate.minimumRecall, maximumLoss: gate.maximumLoss,
      rows: rows, bytesPerVectorBefore: before.encoder.bytesPerVector,
      bytesPerVectorAfter: after.encoder.bytesPerVector, trainSeconds: costs.trainSeconds,
      encodeSeconds: costs.encodeSeconds, indexSeconds: costs.indexSeconds + outcome.indexSeconds,
      verifySeconds: verifySeconds - outcome.indexSeconds, writersPausedSeconds: costs.writersPausedSeconds,
      totalSeconds: 0, graph: outcome.graph, trainingRows: costs.trainingRows, notes: notes)
  }
}
