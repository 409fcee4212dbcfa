import Foundation
import MoultJobs
import MoultModel

/// Of a reindex whose vectors a model makes anew.
extension ReindexJob {
  var targetSchema: CollectionSchema {
    let schema = source.info(aliases: []).schema
    return arguments.embedding.map { EmbeddingStage.schema(from: schema, $0) } ?? schema
  }

  /// The same once the copy is complete: all that it has was written with the vectors of its texts.
  func filledSchema(of target: Collection) -> CollectionSchema {
    var schema = targetSchema
    let made = target.textVectors
    for place in (schema.textVectors?.vectors ?? []).indices {
      guard let vector = schema.textVectors?.vectors[place] else { continue }
      if made.contains(where: { $0.isSame(as: vector) && $0.member == vector.member }) {
        schema.textVectors?.vectors[place].isFilled = true
      }
    }
    return schema
  }

  /// Brings the vectors of all texts that are there into the cache.
  func embed(
    _ checkpoint: Checkpoint, phase: String, isUrgent: Bool = false,
    patienceSeconds: Double = EmbeddingStage.patienceSeconds
  ) async throws -> Checkpoint {
    guard let progress = checkpoint.embedding else { return checkpoint }
    var checkpoint = checkpoint
    let pass = try await pass(
      progress.pass, of: checkpoint, phase: phase, isUrgent: isUrgent, patienceSeconds: patienceSeconds)
    checkpoint.embedding?.pass = pass
    return checkpoint
  }

  /// Goes over texts, and keeps its progress in the checkpoint.
  ///
  /// - Parameters:
  ///   - rows: only these; `nil` for all.
  ///   - own: what of its progress is the job's.
  func pass(
    _ progress: EmbeddingPass.Progress, of checkpoint: Checkpoint, phase: String, isUrgent: Bool = false,
    patienceSeconds: Double = EmbeddingStage.patienceSeconds, rows: [Int64]? = nil,
    as own: @escaping @Sendable (EmbeddingPass.Progress) -> EmbeddingPass.Progress = { $0 }
  ) async throws -> EmbeddingPass.Progress {
    guard let embedding else { return progress }
    var pass = embedding.pass
    pass.rows = rows
    do {
      return try await pass.run(
        progress, phase: phase, isUrgent: isUrgent, patienceSeconds: patienceSeconds
      ) { progress in
        var saved = checkpoint
        saved.embedding?.pass = own(progress)
        let data = try JSONEncoder().encode(bridged(saved))
        try await resources.writing.run { try context.saveCheckpoint(data) }
      }
    } catch let error as MoultError where error.code == .invalidArgument {
      // What the endpoint says for good about all texts says nothing about those it refused before: asked again,
      // the job asks for them again.
      try? await embedding.forgetRefusals()
      throw error
    } catch let spent as EmbeddingPass.BudgetSpent {
      var checkpoint = checkpoint
      checkpoint.embedding?.pass = own(spent.progress)
      checkpoint.embedding?.pass.costBefore = spent.progress.report.cost ?? 0
      try context.saveCheckpoint(JSONEncoder().encode(checkpoint))
      try await embedding.pause(spent.progress)
    }
  }

  /// With the report of the bridge, once it is open.
  func bridged(_ checkpoint: Checkpoint) -> Checkpoint {
    var checkpoint = checkpoint
    if let open = resources.bridges[target: checkpoint.target] {
      checkpoint.embedding?.pass.report.bridge = open.bridge.report
    }
    return checkpoint
  }

  /// An embedder cannot be removed while a job uses it, but before a failed job is tried again.
  ///
  /// - Throws: `invalidArgument` when it is gone, or another one now: text queries would be embedded by a model that did
  ///   not make the vectors.
  func requireSameEmbedder() throws {
    guard let wanted = arguments.embedding?.embedder else { return }
    guard try resources.embedders.embedder(wanted.name).embedsAs(wanted) else {
      throw MoultError(
        .invalidArgument,
        "embedder '\(wanted.name)' is another one than when the job was asked for; add that one again, or start a new job"
      )
    }
  }

  /// Brings the vectors of what was written since into the cache too, while writers wait.
  ///
  /// - Returns: `nil` when the model does not answer in time: writers go on, and so does catching up.
  func embedRest(_ checkpoint: Checkpoint) async throws -> Checkpoint? {
    let patience = EmbeddingStage.cutOverPatienceSeconds
    do {
      return try await withThrowingTaskGroup(of: Checkpoint?.self) { group in
        defer { group.cancelAll() }
        group.addTask {
          try await embed(checkpoint, phase: "cut-over", isUrgent: true, patienceSeconds: patience)
        }
        // An endpoint that hangs, or asks for patience itself, does not keep writers waiting longer.
        group.addTask {
          try await Task.sleep(for: .seconds(patience))
          return nil
        }
        return try await group.next() ?? nil
      }
    } catch let error as MoultError where error.code == .unavailable {
      return nil
    }
  }

  /// Whose vectors the target has: of the model that made them anew, or of the source's.
  var embedderName: String? {
    arguments.embedding?.embedder.name ?? resources.embedders.embedder(ofCollection: source.id)?.name
  }

  /// Compares both models' answers.
  ///
  /// - Throws: `recallGateFailed` when they have less in common than was asked for.
  func prove(_ target: Collection, _ checkpoint: inout Checkpoint) async throws {
    guard let embedding else { return }
    try context.reportProgress(phase: "compare models", rowsDone: 0, rowsTotal: 0)
    let proof = try await EmbeddingProof(stage: embedding, source: source, target: target).run()
    checkpoint.embedding?.pass.report.agreement = proof.agreement
    checkpoint.embedding?.pass.report.knownItems = proof.knownItems
    checkpoint.embedding?.pass.report.labelled = proof.labelled
    if let limit = embedding.order.maximumLabelledLoss, let change = proof.labelled?.ndcgChange,
      change.lower < -limit
    {
      throw MoultError(
        .recallGateFailed,
        "over \(change.queryCount) labelled queries nDCG@10 changes by \(change.mean) [\(change.lower) … \(change.upper)], "
          + "and may surely fall by no more than \(limit); nothing was changed. Look at prefixes and the template, or "
          + "allow more (--max-labelled-loss)")
    }
    guard let agreement = proof.agreement, agreement < embedding.order.minimumAgreement else { return }
    throw MoultError(
      .recallGateFailed,
      "the answers of both models have \(agreement) in common over a sample of points, and "
        + "\(embedding.order.minimumAgreement) was asked for; nothing was changed. Look at prefixes and the template, "
        + "or ask for less (--min-agreement)")
  }
}
