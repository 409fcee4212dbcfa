import Foundation
import GRDB
import MoultCompute
import MoultJobs
import MoultModel
import MoultStorage

/// Makes a new collection from a live one: copy, build the wanted form, measure, catch up, cut over.
///
/// The copy follows the source by its own numbers, never by clocks: row numbers for what was written, write
/// sequences for what died. A point that is written again gets a new row, so a scan of rising rows meets its
/// newest version; a tombstone whose key is live again is passed over, because that row is still to come.
struct ReindexJob: Sendable {
  static let kind = "reindex"
  /// The kind of those whose vectors come from a model.
  static let embeddingKind = "reembed"
  static let kinds: Set<String> = [kind, embeddingKind]
  /// Points copied between two checkpoints.
  static let batchPoints = 2_000
  /// With no more operations than this outstanding, the rest is copied while writers wait.
  static let cutOverOperations = 500
  /// Rounds of catching up before the cut-over is made at whatever is outstanding: a source that is written
  /// faster than it can be copied would never get there.
  static let catchUpRoundsMax = 50
  /// While it waits to go live it copies what was written to the source so often.
  static let heldCatchUpSeconds = 30.0

  struct Arguments: Codable, Sendable {
    var source: Int64
    var target: String
    var alias: String?
    /// The collection that the alias must point to when it moves.
    var ifCurrent: String?
    var specification: EncodingSpecification
    var minimumRecall: Double
    /// Absent in jobs of earlier versions.
    var maximumLoss: Double?
    var k: Int
    /// Absent in jobs of earlier versions.
    var limits: JobLimits?
    /// Where the vectors come from; absent where they are copied.
    var embedding: EmbeddingText.Order?
  }

  struct Checkpoint: Codable, Sendable {
    var target: Int64
    /// The form that is asked for; `nil` when full precision without an index is, which needs no building.
    var generation: Int64?
    /// Source rows up to here were copied.
    var row: Int64
    /// Source tombstones up to here were followed.
    var sequence: Int64
    var copied: Int64
    /// Absent until it was measured.
    var verdict: Verdict?
    /// Absent where vectors are copied.
    var embedding: EmbeddingStage.Progress?
  }

  let resources: EngineResources
  let aliases: AliasTable
  /// Held while names change.
  let names: SerialGate
  let source: Collection
  let arguments: Arguments
  let context: JobContext
  let pace: Pace
  /// Where the vectors come from; `nil` where they are copied.
  var embedding: EmbeddingStage?

  private var directory: DataDirectory { resources.directory }

  func run() async throws -> Data? {
    let checkpoint = try await resources.writing.run { try ensureTarget() }
    let target = try target(checkpoint)
    do {
      try requireSameEmbedder()
      var job = self
      job.embedding = try arguments.embedding.map {
        try EmbeddingStage(order: $0, resources: resources, source: source, context: context, pace: pace)
      }
      let result = try await job.fill(target, from: checkpoint)
      try? await job.embedding?.pass.cache.end(
        job: context.record.id, keepingBytes: resources.embeddingBytesKept(after: context.record.id))
      return result
    } catch let held as JobHeld {
      throw JobHeld(until: min(held.until, context.now.addingTimeInterval(Self.heldCatchUpSeconds)))
    } catch {
      let error = resources.waitingForRoom(error) {
        let written = target.snapshot.rowCount * target.schema.dimension * MemoryLayout<Float>.stride
        return try SwitchBill(
          resources: resources, collection: source, specification: arguments.specification,
          copiesVectors: true
        ).diskNeeded(whenGenerationHasBegun: checkpoint.generation, beside: written)
      }
      if !JobFate.willRunAgain(after: error, context: context, queue: resources.queue) {
        await resources.closeBridge(of: context.record.id, target: target.id)
        await GenerationDisposal(resources: resources, collection: target)
          .discardCollection(names: names, aliases: aliases)
      } else if let generation = checkpoint.generation {
        await GenerationDisposal(resources: resources, collection: target).detach(generation, discard: false)
      }
      throw error
    }
  }

  private func fill(_ target: Collection, from checkpoint: Checkpoint) async throws -> Data {
    let start = ContinuousClock.now
    var checkpoint = checkpoint
    let sample = try await embedSample(&checkpoint)
    async let bridge: Void = openBridge(sample, target)
    checkpoint = try await embed(checkpoint, phase: "embed")
    await bridge
    checkpoint = bridged(checkpoint)
    checkpoint = try await copyUntilClose(checkpoint, to: target, phase: "copy")
    if let progress = checkpoint.embedding { try embedding?.requireCoverage(progress) }
    let builder = checkpoint.generation.map {
      GenerationBuilder(
        resources: resources, collection: target, generationID: $0, specification: arguments.specification,
        context: context, pace: pace)
    }
    let costs = try await builder?.build()
    var report = try await Verdict.reach(context, present: checkpoint.verdict) {
      var report = try await verify(target, builder: builder, costs: costs)
      try await prove(target, &checkpoint)
      report.addCosts(of: checkpoint.verdict?.report)
      let verdict = Verdict(report: report, reachedAt: context.now)
      checkpoint.verdict = verdict
      try context.saveCheckpoint(JSONEncoder().encode(checkpoint))
      return verdict
    }.report
    let digests = try await payloadDigests(checkpoint, target)
    let (result, obsolete) = try await goLive(
      checkpoint, target: target, digests: digests, report: &report, since: start)
    try? directory.removeFiles(obsolete)
    try? await resources.writing.run {
      IndexJob.enqueueIfNeeded(for: target, in: resources)
      // The rounds of the copy are none of the writes that do so.
      resources.noteCompleteFields(of: target)
    }
    return result
  }

  /// Catches up until the rest is small, and copies that while writers wait.
  private func goLive(
    _ checkpoint: Checkpoint, target: Collection, digests: PayloadDigests?, report: inout SwitchReport,
    since start: ContinuousClock.Instant
  ) async throws -> (result: Data, obsolete: [String]) {
    var checkpoint = checkpoint
    var digests = digests
    while true {
      checkpoint = try await copyUntilClose(checkpoint, to: target, phase: "catch-up")
      // So that writers wait for the last rest only.
      digests = try await advanced(digests, checkpoint)
      let pause = ContinuousClock.now
      let outcome = try await names.run { [checkpoint, digests, report] in
        try await source.holdingWriters { () -> (result: Data, obsolete: [String])? in
          guard let checkpoint = try await embedRest(checkpoint) else { return nil }
          return try await resources.writing.run {
            var report = report
            report.writersPausedSeconds += pause.secondsToNow
            report.totalSeconds = start.secondsToNow
            return try cutOver(checkpoint, target: target, digests: digests, report: &report)
          }
        }
      }
      if let outcome { return outcome }
      report.writersPausedSeconds += pause.secondsToNow
    }
  }

  // MARK: Target

  /// The target of an earlier attempt, or a new one; recorded together with the checkpoint that names it.
  private func ensureTarget() throws -> Checkpoint {
    let (checkpoint, made) = try directory.write {
      db -> (Checkpoint, [(collection: CollectionRecord, generation: GenerationRecord)]) in
      if let data = context.record.checkpoint {
        let checkpoint = try JSONDecoder().decode(Checkpoint.self, from: data)
        if try directory.catalog.collections(in: db).contains(where: { $0.id == checkpoint.target }) {
          return (checkpoint, [])
        }
      }
      let (collection, first) = try directory.catalog.insertCollection(
        name: arguments.target, schema: targetSchema,
        specification: EncodingSpecification(), state: .building, in: db)
      let generation =
        arguments.specification == EncodingSpecification()
        ? nil
        : try directory.catalog.insertGeneration(
          collection: collection.id, specification: arguments.specification, in: db
        ).id
      let sequence = try directory.catalog.collection(source.id, in: db).nextSequence - 1
      var checkpoint = Checkpoint(
        target: collection.id, generation: generation, row: -1, sequence: sequence, copied: 0)
      checkpoint.embedding = arguments.embedding.map { .init(embedder: $0.embedder.name) }
      try context.saveCheckpoint(JSONEncoder().encode(checkpoint), in: db)
      // The other vector fields come along as they are, at full precision.
      let fields = try source.fields.map { field in
        try directory.catalog.insertField(
          VectorField(
            name: field.schema.vectorField, dimension: field.schema.dimension, metric: field.schema.metric,
            elementType: field.schema.elementType, index: field.snapshot.live.specification.index),
          of: collection, isPartial: resources.lacking(field) != nil, in: db)
      }
      return (checkpoint, [(collection, first)] + fields)
    }
    let loader = CollectionLoader(
      directory: directory, parallel: resources.background.parallelFor, logger: resources.logger)
    let opened = try made.map { try loader.empty($0.collection, generation: $0.generation) }
    Collection.join(opened)
    aliases.publish { map in
      for collection in opened { map.collections[collection.name] = collection }
    }
    return checkpoint
  }

  private func target(_ checkpoint: Checkpoint) throws -> Collection {
    guard let target = aliases.current.collections[arguments.target], target.id == checkpoint.target else {
      throw MoultError(.internalError, "the target collection '\(arguments.target)' is not open")
    }
    return target
  }

  // MARK: Copy

  /// What one look at the source found to be done.
  private struct Round: Sendable {
    var points: [StoredPoint] = []
    var deleted: [PointID] = []
    /// Tombstones up to here are in `deleted` or void.
    var sequence: Int64
    /// Whether the points are fewer than a batch for their size alone, and more are there.
    var isCut = false

    /// More than the last round may have where more are known to be there.
    var operations: Int {
      let known = points.count + deleted.count
      return isCut ? max(known, ReindexJob.cutOverOperations + 1) : known
    }
  }

  private func copyUntilClose(_ checkpoint: Checkpoint, to target: Collection, phase: String) async throws
    -> Checkpoint
  {
    var checkpoint = checkpoint
    var roundsBehind = 0.0
    var isBehind = phase != "copy"
    while true {
      try context.checkCancellation()
      if isBehind { checkpoint = try await embed(checkpoint, phase: phase) }
      let (row, copied) = (checkpoint.row, checkpoint.copied)
      // Outside of the gate: only rows that were there before the last look are slowed, never the cut-over.
      if phase == "copy" { try await resources.background.run { pace.begin(rows: Self.batchPoints) } }
      let operations: Int
      let isCut: Bool
      (checkpoint, operations, isCut) = try await target.holdingWriters { [checkpoint] in
        try await resources.writing.run { try copyRound(checkpoint, to: target) }
      }
      try context.reportProgress(
        phase: phase, rowsDone: checkpoint.copied,
        rowsTotal: max(checkpoint.copied, Int64(source.snapshot.liveCount)))
      // Rows whose texts came after the last look end a round.
      isBehind = phase != "copy" || checkpoint.row == row
      if operations <= Self.cutOverOperations { return checkpoint }
      if phase == "catch-up" {
        // One that was cut for the size of its points counts for as many as it brought over.
        let share = Double(checkpoint.copied - copied) / Double(Self.batchPoints)
        roundsBehind += isCut && checkpoint.row > row ? share : 1
        if roundsBehind > Double(Self.catchUpRoundsMax) { return checkpoint }
      }
    }
  }

  /// Copies at most a batch. Under the gate of the target; under that of the source too for the last rounds.
  private func copyRound(_ checkpoint: Checkpoint, to target: Collection) throws -> (
    Checkpoint, operations: Int, isCut: Bool
  ) {
    let round = try look(checkpoint)
    // Taken after the look, so it holds every row that the transaction saw, but for those whose commit has
    // not been published yet: the batch ends before them.
    let nextRow = source.nextRow
    let snapshot = source.snapshot
    let fields = source.fields.map { ($0.schema, $0.snapshot) }
    let dimension = target.schema.dimension
    let embedded = try embedding?.vectors(of: round.points)
    var progress = checkpoint.embedding
    progress?.forget(round.deleted)
    var deleted = round.deleted
    var others = fields.map { _ in [[Float]?]() }
    var batch = PointBatch(ids: [], vectors: [], dimension: dimension)
    var lastRow = checkpoint.row
    for snapshot in (embedded == nil ? [snapshot] : []) + fields.map(\.1) {
      try snapshot.requireSoundVectors(ofRows: round.points.map(\.row))
    }
    for (place, point) in round.points.enumerated() {
      let own: [Float]?
      if let embedded {
        guard point.row < nextRow else { break }
        progress?.forget([point.id])
        switch embedded[place] {
        case .vector(let vector): own = vector
        case .unknown:
          own = nil
          // One that was there is gone from the cache: the next pass begins before it.
          if let row = progress?.pass.row, point.row <= row { progress?.pass.row = point.row - 1 }
        case .none(let reason, let isRefused):
          progress?.leaveOut(point.id, reason, isRefused: isRefused)
          deleted.append(point.id)
          lastRow = point.row
          continue
        }
      } else {
        own = snapshot.vector(ofRow: point.row, dimension: dimension)
      }
      guard let vector = own else {
        guard source.parentID != nil, point.row < nextRow else { break }
        // A point without a vector in this field, though it may have had one before.
        deleted.append(point.id)
        lastRow = point.row
        continue
      }
      for (index, (schema, snapshot)) in fields.enumerated() {
        others[index].append(snapshot.vector(ofRow: point.row, dimension: schema.dimension))
      }
      batch.ids.append(point.id)
      batch.vectors.append(contentsOf: vector)
      // Of one vector field alone the copy has no vectors of texts.
      batch.payloads.append(
        target.textVectors.isEmpty ? TextVector.plain(point.payload ?? "") : point.payload ?? "")
      lastRow = point.row
    }
    if batch.payloads.allSatisfy(\.isEmpty) { batch.payloads = [] }
    for ((schema, _), vectors) in zip(fields, others) {
      batch.fields[schema.vectorField] = FieldVectors(vectors, dimension: schema.dimension)
    }
    let writer = resources.writer(of: target)
    if !deleted.isEmpty { _ = try writer.delete(deleted) }
    if !batch.ids.isEmpty { _ = try writer.write(batch, mode: .upsert) }
    var next = checkpoint
    next.row = lastRow
    next.sequence = round.sequence
    next.copied += Int64(batch.ids.count)
    next.embedding = progress
    if let progress, progress.setAside.count > EmbeddingStage.setAsideMax {
      try embedding?.requireCoverage(progress)
    }
    // Written after the copy: repeating a round that was copied already changes nothing.
    if round.operations > 0 { try context.saveCheckpoint(JSONEncoder().encode(next)) }
    return (next, round.operations, round.isCut)
  }

  private func look(_ checkpoint: Checkpoint) throws -> Round {
    try directory.read { db in
      let newest = try directory.catalog.collection(source.id, in: db).nextSequence - 1
      let tombstones = try source.points.died(
        afterSequence: checkpoint.sequence, throughSequence: newest, in: db)
      let keys = Set(tombstones.map(\.id))
      let liveAgain = try source.points.rows(ids: Array(keys), in: db)
      let points = try source.points.scanLiveWithParts(
        afterRow: checkpoint.row, limit: Self.batchPoints, in: db)
      var round = Round(
        points: points, deleted: keys.filter { liveAgain[$0] == nil }, sequence: newest)
      if points.count < Self.batchPoints, let last = points.last {
        round.isCut = try !source.points.scanLive(
          afterRow: last.row, limit: 1, payloads: false, in: db
        ).isEmpty
      }
      return round
    }
  }

  // MARK: Build and measure

  private func verify(
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

  // MARK: Cut-over

  /// With names and the source's writers held: copies the rest, then makes target, alias and the job's
  /// completion durable in one transaction and visible in one instant.
  ///
  /// Writers that wait at the source's gate resolve their name again and so follow the alias.
  private func cutOver(
    _ checkpoint: Checkpoint, target: Collection, digests: PayloadDigests?, report: inout SwitchReport
  ) throws -> (result: Data, obsolete: [String]) {
    // Under the gate of names, so it stays as it is until the alias moves.
    let pointed = arguments.alias.flatMap { aliases.current.aliases[$0] }
    if let alias = arguments.alias {
      try Engine.check(alias, pointsTo: pointed, expected: arguments.ifCurrent)
    }
    var checkpoint = checkpoint
    var operations = 0
    var roundsWithoutRow = 0
    repeat {
      let row = checkpoint.row
      (checkpoint, operations, _) = try copyRound(checkpoint, to: target)
      roundsWithoutRow = checkpoint.row > row ? 0 : roundsWithoutRow + 1
      // The first one may have followed deletes only.
      guard operations == 0 || roundsWithoutRow < 3 else {
        throw MoultError(
          .internalError, "vectors of '\(source.name)' are not where they were stored; try again")
      }
    } while operations > 0
    if let progress = checkpoint.embedding { try embedding?.requireCoverage(progress) }
    var embedded = checkpoint.embedding?.report
    embedded?.payloads = try digests.map { try comparePayloads($0, checkpoint) }
    report.rows = target.snapshot.liveCount
    let generation = checkpoint.generation ?? target.snapshot.live.id
    let result = try JSONEncoder().encode(
      SwitchJob.Result(generation: generation, report: report, embedding: embedded))
    let definition = filledSchema(of: target)
    let (_, obsolete) = try resources.publication.commit(directory) { [report] db in
      let (record, obsolete) = try GenerationSwap.publish(
        generation, of: target.id, report: report, job: context.record, catalog: directory.catalog, in: db)
      try directory.catalog.setCollectionState(.live, of: target.id, in: db)
      // Partitions and indexes that were made meanwhile.
      try directory.catalog.setSchema(definition, of: target.id, in: db)
      // Keys that the source gave out, to points deleted since too, are never given again.
      try directory.catalog.reserveKeys(below: source.nextKey, collection: target.id, in: db)
      if let embedder = embedderName {
        try directory.catalog.setEmbedder(embedder, of: target.id, in: db)
      }
      if let alias = arguments.alias {
        try directory.catalog.setAlias(alias, to: target.id, in: db)
        if pointed == source.name {
          try directory.catalog.recordCutOver(of: alias, from: source.id, to: target.id, in: db)
        }
        try directory.catalog.record(
          HistoryEntry(
            action: pointed == nil ? .aliasCreated : .aliasMoved, name: alias, before: pointed,
            after: target.name, job: context.record.id, requestedBy: context.record.requestedBy), in: db)
      }
      try JobQueries.delete(of: context.record.id, in: db)
      try context.completeInTransaction(db, result: result)
      return (record, obsolete)
    } publish: { [report] record, _ in
      target.publish(target.snapshot.swapped(to: record, report: report))
      target.reserveKeys(below: source.nextKey)
      target.redefine(as: definition)
      if let embedder = embedderName {
        resources.embedders.set(embedder, ofCollection: target.id)
      }
      target.markReady()
      resources.bridges.close(target: target.id)
      if let alias = arguments.alias { aliases.publish { $0.aliases[alias] = target.name } }
    }
    return (result, obsolete)
  }
}
