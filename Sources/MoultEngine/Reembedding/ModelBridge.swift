import Foundation
import MoultCompute
import MoultModel
import MoultStorage
import Synchronization

/// Lets queries of the new model be answered while only the old model's vectors are there.
///
/// Two affine maps, ridge toward Procrustes (QUANTIZATION.md B3.5), fitted to points that both models have embedded:
/// queries from the new model to the old one find candidates, documents from the old model to the new one stand in for
/// vectors that are not made yet.
struct ModelBridge: Sendable {
  static let queryUse = TransformDirection(.queries, from: .newModel, to: .oldModel)
  static let documentUse = TransformDirection(.documents, from: .oldModel, to: .newModel)
  /// Points to fit to: eight a dimension (B3.7), but no more than a quarter of a small collection.
  private static let pairsADimension = 8
  private static let pairsMin = 100
  private static let pairsMax = 8_192

  let queries: LinearTransform
  let documents: LinearTransform
  let report: BridgeReport

  /// - Throws: `invalidArgument` for maps of another direction, `dimensionMismatch` for those of other models.
  init(
    queries: LinearTransform, documents: LinearTransform, report: BridgeReport, oldDimension: Int,
    newDimension: Int
  ) throws(MoultError) {
    try queries.require(Self.queryUse, inputDimension: newDimension, outputDimension: oldDimension)
    try documents.require(Self.documentUse, inputDimension: oldDimension, outputDimension: newDimension)
    self.queries = queries
    self.documents = documents
    self.report = report
  }

  /// How many points to fit to; `nil` where there are too few.
  static func pairCount(rows: Int, oldDimension: Int, newDimension: Int) -> Int? {
    let wanted = min(pairsMax, max(1_000, pairsADimension * max(oldDimension, newDimension)))
    let count = min(wanted, rows / 4)
    return count >= pairsMin ? count : nil
  }

  /// Texts as both models have embedded them.
  struct Pairs: Sendable {
    /// `count × dimension`, row-major.
    var old: [Float] = []
    var new: [Float] = []
    var count = 0
  }

  /// - Throws: what `ModelMapping.fit` throws.
  static func fit(
    _ pairs: Pairs, oldDimension: Int, newDimension: Int, oldMetric: Metric, newMetric: Metric,
    oldModel: String?, newModel: String, seed: UInt64, parallel: ParallelFor
  ) throws(MoultError) -> ModelBridge {
    let queries = try ModelMapping.fit(
      source: pairs.new, sourceDimension: newDimension, target: pairs.old, targetDimension: oldDimension,
      count: pairs.count, metric: oldMetric, direction: queryUse, seed: seed, parallel: parallel)
    let documents = try ModelMapping.fit(
      source: pairs.old, sourceDimension: oldDimension, target: pairs.new, targetDimension: newDimension,
      count: pairs.count, metric: newMetric, direction: documentUse, seed: seed, parallel: parallel)
    let none = MeasuredRecall(mean: 0, lower: 0, upper: 1, queryCount: 0, k: 10)
    return try ModelBridge(
      queries: queries.transform, documents: documents.transform,
      report: BridgeReport(
        oldModel: oldModel, newModel: newModel, pairs: pairs.count,
        recall: queries.report.heldOutRecall ?? none, recallUnmapped: queries.report.plainRecall,
        recallOfDocuments: documents.report.heldOutRecall ?? none),
      oldDimension: oldDimension, newDimension: newDimension)
  }

  // MARK: Bytes

  func stored() throws -> EmbeddingCache.Bridge {
    EmbeddingCache.Bridge(
      report: Array(try JSONEncoder().encode(report)), queries: queries.serialized(),
      documents: documents.serialized())
  }

  /// - Throws: `corrupted`; `invalidArgument` for maps of other models or another direction.
  init(
    _ stored: EmbeddingCache.Bridge, oldDimension: Int, newDimension: Int, oldModel: String?, newModel: String
  ) throws {
    let report = try JSONDecoder().decode(BridgeReport.self, from: Data(stored.report))
    guard report.oldModel == oldModel, report.newModel == newModel else {
      throw MoultError(
        .invalidArgument,
        "the maps are between '\(report.oldModel ?? "")' and '\(report.newModel)', not '\(oldModel ?? "")' and "
          + "'\(newModel)'")
    }
    try self.init(
      queries: stored.queries.withUnsafeBytes { bytes throws(MoultError) in
        try LinearTransform(serialized: bytes)
      },
      documents: stored.documents.withUnsafeBytes { bytes throws(MoultError) in
        try LinearTransform(serialized: bytes)
      }, report: report, oldDimension: oldDimension, newDimension: newDimension)
  }
}

/// Bridges that are open: from a re-embedding's sample to its end.
final class BridgeTable: Sendable {
  struct Open: Sendable {
    var bridge: ModelBridge
    var stage: EmbeddingStage
    var source: Collection
    var target: Int64
    var metric: Metric
  }

  private let open = Mutex<[Int64: Open]>([:])

  func open(_ bridge: Open) { open.withLock { $0[bridge.target] = bridge } }
  func close(target: Int64) { open.withLock { $0[target] = nil } }

  /// To a collection that is being made.
  subscript(target id: Int64) -> Open? { open.withLock { $0[id] } }

  /// From a collection to a model, by the model's own name or the embedder's.
  func bridge(from source: Int64, toModel model: String) -> Open? {
    open.withLock { open in
      open.values.first { $0.source.id == source && $0.stage.order.embedder.isCalled(model) }
    }
  }
}

extension EngineResources {
  /// Of a job that has ended otherwise than by going live.
  func closeBridge(of job: Int64, target: Int64) async {
    bridges.close(target: target)
    try? await embeddings.cache().dropBridge(of: job)
  }
}
