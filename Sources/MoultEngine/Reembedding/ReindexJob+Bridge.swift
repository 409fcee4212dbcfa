import Foundation
import Logging
import MoultCompute
import MoultJobs
import MoultModel
import MoultStorage

/// The bridge of a re-embedding: a sample is embedded first, then maps are fitted to it while the rest is embedded.
extension ReindexJob {
  /// Embeds the sample. It costs no text more: the pass finds them in the cache.
  ///
  /// - Returns: the rows of the sample; `nil` where no bridge is to be fitted.
  func embedSample(_ checkpoint: inout Checkpoint) async throws -> [Int64]? {
    guard let embedding, embedding.order.bridges ?? false, let progress = checkpoint.embedding,
      let count = ModelBridge.pairCount(
        rows: source.snapshot.liveCount, oldDimension: source.schema.dimension,
        newDimension: embedding.order.embedder.dimension)
    else { return nil }
    var random = SplitMix64(seed: UInt64(bitPattern: context.record.id))
    let rows = RowSample.rows(of: source.snapshot, count: count, random: &random)
    guard try embedding.pass.cache.bridge(of: context.record.id) == nil, progress.pass.row < 0 else {
      return rows
    }
    let before = progress.pass.report
    /// Its points are looked at again by the pass over all of them.
    @Sendable func own(_ pass: EmbeddingPass.Progress) -> EmbeddingPass.Progress {
      var pass = pass
      pass.row = progress.pass.row
      pass.report.points = before.points
      pass.report.reused = before.reused - (pass.report.texts - before.texts)
      return pass
    }
    let pass = try await pass(progress.pass, of: checkpoint, phase: "embed a sample", rows: rows, as: own)
    checkpoint.embedding?.pass = own(pass)
    return rows
  }

  /// Fits the maps, or takes those of an earlier attempt, and lets queries over. What hinders that hinders nothing else.
  func openBridge(_ rows: [Int64]?, _ target: Collection) async {
    guard let embedding, let rows else { return }
    let embedder = embedding.order.embedder
    let old = resources.embedders.embedder(ofCollection: source.id)
    let oldModel = old.map { $0.model ?? $0.name }
    let newModel = embedder.model ?? embedder.name
    let (oldDimension, newDimension) = (source.schema.dimension, embedder.dimension)
    // A pool of its own: pages of texts are read beside.
    let pool = ComputePool(name: "bridge", threadCount: 1, priority: .yielding)
    defer { pool.close() }
    do {
      let cache = embedding.pass.cache
      let bridge: ModelBridge
      if let stored = try cache.bridge(of: context.record.id) {
        bridge = try ModelBridge(
          stored, oldDimension: oldDimension, newDimension: newDimension, oldModel: oldModel,
          newModel: newModel)
      } else {
        bridge = try await pool.run {
          try ModelBridge.fit(
            try pairs(rows, embedding), oldDimension: oldDimension, newDimension: newDimension,
            oldMetric: source.schema.metric, newMetric: target.schema.metric, oldModel: oldModel,
            newModel: newModel, seed: UInt64(bitPattern: context.record.id), parallel: pool.parallelFor)
        }
        try await cache.store(try bridge.stored(), of: context.record.id)
      }
      resources.bridges.open(
        .init(
          bridge: bridge, stage: embedding, source: source, target: target.id, metric: target.schema.metric))
    } catch {
      resources.logger.warning(
        "queries of '\(newModel)' wait for the end of job \(context.record.id): \(error)")
    }
  }

  private func pairs(_ rows: [Int64], _ embedding: EmbeddingStage) throws -> ModelBridge.Pairs {
    let snapshot = source.snapshot
    let points = try resources.directory.read { db in
      try source.points.points(rows: rows, payloads: true, in: db)
    }
    let found = rows.compactMap { points[$0] }
    var pairs = ModelBridge.Pairs()
    for (point, vector) in zip(found, try embedding.vectors(of: found)) {
      guard case .vector(let new) = vector,
        let old = snapshot.vector(ofRow: point.row, dimension: source.schema.dimension)
      else { continue }
      pairs.old += old
      pairs.new += new
      pairs.count += 1
    }
    return pairs
  }
}
