import Foundation
import MoultCompute
import MoultJobs
import MoultModel
import MoultStorage

/// What makes a re-embedding of a reindex: the vectors of the copy come from a model, by way of the cache.
struct EmbeddingStage: Sendable {
  /// Of an embedding that goes on while the source is written: one that has begun to be refused waits so long.
  static let patienceSeconds = 600.0
  /// While writers of the source wait for the last texts.
  static let cutOverPatienceSeconds = 5.0
  /// Points whose texts are refused, at most: with more there is something else amiss.
  static let setAsideMax = 10_000

  var pass: EmbeddingPass
  let order: EmbeddingText.Order

  init(
    order: EmbeddingText.Order, resources: EngineResources, source: Collection, context: JobContext,
    pace: Pace
  ) throws {
    self.order = order
    pass = EmbeddingPass(
      resources: resources, source: source, text: try EmbeddingText(order),
      model: try resources.embedderSource.source().open(order.embedder),
      cache: try resources.embeddings.cache(),
      context: context, pace: pace, requests: resources.embedders.pace(of: order.embedder))
  }

  /// What the checkpoint of the job keeps.
  struct Progress: Codable, Sendable {
    var pass: EmbeddingPass.Progress
    /// Ids of points whose text is refused: they are not in the copy.
    var setAside: [String] = []
    /// Points without a text that were passed over.
    var skipped: Int64 = 0

    init(embedder: String) { pass = EmbeddingPass.Progress(embedder: embedder) }

    mutating func leaveOut(_ id: PointID, _ reason: String, isRefused: Bool) {
      pass.report.note(id, reason)
      if isRefused { setAside.append("\(id)") } else { skipped += 1 }
    }

    /// Points that are gone, or have another text now.
    mutating func forget(_ ids: [PointID]) {
      guard !setAside.isEmpty, !ids.isEmpty else { return }
      let gone = Set(ids.map { "\($0)" })
      setAside.removeAll { gone.contains($0) }
      pass.report.exceptions.removeAll { gone.contains($0.id) }
    }

    var report: EmbeddingReport {
      var report = pass.report
      // Less than nothing while what a sample has brought is not looked at again.
      report.reused = max(0, report.reused)
      report.setAside = Int64(setAside.count)
      report.skipped = skipped
      return report
    }
  }

  /// The schema of the copy.
  static func schema(from source: CollectionSchema, _ order: EmbeddingText.Order) -> CollectionSchema {
    var schema = source
    schema.dimension = order.embedder.dimension
    schema.metric = order.metric ?? source.metric
    schema.elementType = .float32
    return schema
  }

  // MARK: Vectors of points

  enum Vector {
    case vector([Float])
    /// The point has none, and is not copied.
    case none(reason: String, isRefused: Bool)
    /// Its text came after the last pass.
    case unknown
  }

  /// In the order of the points.
  ///
  /// - Parameter requiresTexts: whether a point without a text that ends the job is an error here.
  func vectors(of points: [StoredPoint], requiresTexts: Bool = true) throws -> [Vector] {
    var vectors = [Vector](repeating: .unknown, count: points.count)
    var keys: [EmbeddingCache.Key] = []
    var places: [Int] = []
    for (place, point) in points.enumerated() {
      switch pass.text.text(of: point) {
      case .none(let reason):
        if requiresTexts { try pass.text.requireText(point, reason) }
        vectors[place] = .none(reason: reason, isRefused: false)
      case .text(let text):
        keys.append(EmbeddingText.key(text, identity: pass.model.identity))
        places.append(place)
      }
    }
    let entries = try pass.cache.entries(
      of: keys, dimension: order.embedder.dimension, job: pass.context.record.id)
    for (place, entry) in zip(places, entries) {
      switch entry {
      case .vector(let vector)?: vectors[place] = .vector(vector)
      case .refused(let reason)?: vectors[place] = .none(reason: reason, isRefused: true)
      case nil: continue
      }
    }
    return vectors
  }

  /// Of this job, in the cache.
  func forgetRefusals() async throws { try await pass.cache.forgetRefusals(of: pass.context.record.id) }

  // MARK: Gate

  /// - Throws: `recallGateFailed` when points would be lost that nobody gave up.
  func requireCoverage(_ progress: Progress) throws {
    guard progress.setAside.count > order.maximumSetAside else { return }
    let named = progress.pass.report.exceptions.prefix(5).map { "\($0.id) (\($0.reason))" }
    throw MoultError(
      .recallGateFailed,
      "embedder '\(order.embedder.name)' refuses the texts of \(progress.setAside.count) points, and "
        + "\(order.maximumSetAside) may be left out: \(named.joined(separator: "; ")). Mend their texts, or ask again "
        + "with --max-set-aside \(progress.setAside.count): no other text is sent a second time")
  }

  /// Pauses the job: its budget is spent. Resumed, it may spend as much again.
  func pause(_ progress: EmbeddingPass.Progress) async throws -> Never {
    let context = pass.context
    let spent = (progress.report.cost ?? 0) - progress.costBefore
    try context.reportProgress(
      phase:
        "budget of \(order.budget ?? 0) spent (\(spent.formatted(.number.precision(.fractionLength(2))))); resume "
        + "it to spend as much again",
      rowsDone: progress.report.points, rowsTotal: progress.report.points, force: true)
    _ = try pass.resources.queue.pause(context.record.id)
    // The request comes back to us as to any running job.
    while !context.isCancelled { try await Task.sleep(for: .milliseconds(5)) }
    throw CancellationError()
  }
}
