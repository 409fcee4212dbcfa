import Foundation
import GRDB
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

  var directory: DataDirectory { resources.directory }

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
