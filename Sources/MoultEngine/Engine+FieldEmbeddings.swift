import Foundation
import Logging
import MoultJobs
package import MoultModel
import MoultStorage
import Synchronization

/// Vector fields that are filled from texts, by their number.
final class FieldEmbeddingTable: Sendable {
  private struct State {
    var orders: [Int64: EmbeddingText.Order] = [:]
    var filled: Set<Int64> = []
  }

  private let state = Mutex(State())

  subscript(field: Int64) -> EmbeddingText.Order? { state.withLock { $0.orders[field] } }

  /// Whether a model fills a field, and has not dealt with all points once.
  func isBeingFilled(_ field: Int64) -> Bool {
    state.withLock { $0.orders[field] != nil && !$0.filled.contains(field) }
  }

  func setFilled(_ field: Int64) { state.withLock { _ = $0.filled.insert(field) } }

  func load(_ records: [Catalog.FieldEmbeddingRecord]) throws {
    for record in records {
      set(try JSONDecoder().decode(EmbeddingText.Order.self, from: Data(record.order.utf8)), of: record.field)
      if record.isFilled { setFilled(record.field) }
    }
  }

  func set(_ order: EmbeddingText.Order, of field: Int64) { state.withLock { $0.orders[field] = order } }
}

extension Engine {
  /// Lets a model fill a vector field of a collection from the points' texts: those that are there, and those that come.
  /// The field is made when it is not there. Points that are written with a vector in it keep that one.
  ///
  /// - Throws: as ``startReembed(_:)`` and ``addVectorField(_:to:)``; `invalidArgument` for a field that another text or
  ///   model fills, and for the first field.
  package func startFieldEmbedding(_ request: ReembedRequest, field name: String) async throws -> JobInfo {
    guard request.target == nil, request.alias == nil, request.labelledQueries.isEmpty else {
      throw MoultError(
        .invalidArgument,
        "'field' fills a vector field of the collection itself: it takes no target, no alias and no labelledQueries"
      )
    }
    let (source, text) = try await prepare(request)
    let order = text.order
    let known = source.withFields.first { $0.schema.vectorField == name }
    if known == nil {
      try await addVectorField(
        VectorField(
          name: name, dimension: order.embedder.dimension,
          metric: request.metric ?? (source.hasPlaceholder ? source.searched : source).schema.metric,
          index: request.specification.index), to: source.name)
    }
    guard let field = source.fields.first(where: { $0.schema.vectorField == name }) else {
      throw MoultError(
        .invalidArgument,
        "'\(name)' is the first vector field of '\(source.name)', which every point has; choose another name")
    }
    guard field.schema.dimension == order.embedder.dimension else {
      throw MoultError(
        .dimensionMismatch,
        "vector field '\(field.name)' has \(field.schema.dimension) dimensions, and embedder '\(order.embedder.name)' makes "
          + "\(order.embedder.dimension)")
    }
    if let present = resources.fieldEmbeddings[field.id] {
      guard present.embedder.embedsAs(order.embedder), present.template == order.template else {
        throw MoultError(
          .invalidArgument,
          "vector field '\(field.name)' is filled by '\(present.embedder.name)' from '\(present.template ?? "")'; drop it "
            + "first, or choose another name")
      }
    }
    let definition = String(decoding: try JSONEncoder().encode(order), as: UTF8.self)
    try await resources.embedders.gate.run { [resources] in
      try await resources.directory.write { db in
        try resources.directory.catalog.setFieldEmbedding(definition, of: field.id, in: db)
        try resources.directory.catalog.setEmbedder(order.embedder.name, of: field.id, in: db)
      }
      resources.embedders.set(order.embedder.name, ofCollection: field.id)
      resources.fieldEmbeddings.set(order, of: field.id)
    }
    try await resources.writing.run { [resources] in
      try Upkeep.enqueue(FieldEmbeddingJob.kind, for: field, in: resources)
    }
    let jobs = try resources.queue.list(subject: field.name, limit: 10)
    guard let job = jobs.first(where: { $0.kind == FieldEmbeddingJob.kind }) else {
      throw MoultError(.internalError, "the job of '\(field.name)' is gone")
    }
    return JobInfo(job)
  }
}

extension EngineResources {
  /// Bytes of vectors that the cache keeps when a job ends: all while others have paid for some that they still need.
  func embeddingBytesKept(after job: Int64) -> Int {
    let kinds: Set<String> = [ReindexJob.embeddingKind, FieldEmbeddingJob.kind]
    let others = try? queue.unfinished().contains { $0.id != job && kinds.contains($0.kind) }
    return others == false ? configuration.embeddingCacheBytes : .max
  }

  /// Leaves out vectors of fields that a model fills where an edit changed the text that they were made of, and kept
  /// them: the model makes them anew. What the edit itself gives stays.
  ///
  /// - Parameter stored: points as they were before, `nil` where none was.
  func withoutOutdated(
    _ batch: PointBatch, _ stored: [Point?], in collection: Collection
  ) throws -> PointBatch {
    var batch = batch
    // A batch that is not in order is refused later.
    guard batch.payloads.isEmpty || batch.payloads.count == batch.ids.count else { return batch }
    var before: [PointID: Point]?
    for field in collection.fields {
      let name = field.schema.vectorField
      guard let order = fieldEmbeddings[field.id], var given = batch.fields[name],
        given.vectors.count == batch.ids.count * given.dimension
      else { continue }
      let text = try EmbeddingText(order)
      let known =
        before
        ?? Dictionary(stored.compactMap { $0 }.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
      before = known
      var absent = Set(given.absent)
      for (place, id) in batch.ids.enumerated() where !absent.contains(place) {
        guard let old = known[id], let vector = old.fields[name],
          given.vectors[place * given.dimension..<(place + 1) * given.dimension].elementsEqual(vector)
        else { continue }
        let payload = batch.payloads.isEmpty ? nil : batch.payloads[place]
        let was = text.text(of: StoredPoint(row: 0, id: id, payload: old.payload))
        let isNow = text.text(of: StoredPoint(row: 0, id: id, payload: payload))
        if !was.isSame(as: isNow) { absent.insert(place) }
      }
      given.absent = absent.sorted()
      batch.fields[name] = given
    }
    return batch
  }

  /// Called after a write: lets fields be filled that points have no vector in, and notes which are filled.
  func followTexts(of collection: Collection) {
    noteCompleteFields(of: collection)
    let count = collection.snapshot.liveCount
    for field in collection.fields
    where fieldEmbeddings[field.id] != nil && field.snapshot.liveCount < count {
      do { try Upkeep.enqueue(FieldEmbeddingJob.kind, for: field, in: self) } catch {
        logger.warning("'\(field.name)' is filled after the next write: \(error)")
      }
    }
  }
}
