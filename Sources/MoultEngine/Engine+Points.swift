import GRDB
package import MoultModel
import MoultStorage

package enum WriteMode: Sendable {
  /// A stored id is an error (`pointExists`); nothing is written.
  case insert
  /// A stored point of the same id is replaced.
  case upsert
}

package struct WriteResult: Sendable {
  /// Ids in the order of the batch, given out or as they came.
  package var ids: [PointID]
  package var servedBy: ServedBy
}

package struct PointPage: Sendable {
  package var points: [Point]
  package var servedBy: ServedBy
}

// Every method takes a collection's name or an alias.
extension Engine {
  /// Durable and visible to searches when it returns. `batch.ids` is empty when the collection gives out keys.
  ///
  /// - Parameter model: what made the vectors, by its own name or the embedder's: refused where the collection's are of
  ///   another, or of none that is known. An alias that moves to another model's collection then takes no vectors of the
  ///   old one, whatever their dimension.
  /// - Throws: `dimensionMismatch`, `invalidVector` (NaN, infinite; zero under cosine), `duplicateID`,
  ///   `pointExists`, `invalidArgument` (empty batch, wrong key kind, payload count, payload no JSON object, another
  ///   model), `diskFull`. Nothing is written then.
  package func write(
    _ batch: PointBatch, ofModel model: String? = nil, to name: String, mode: WriteMode
  ) async throws -> WriteResult {
    try await withWriter(
      of: name,
      check: { [resources] collection in
        if let model {
          // Where points have no vectors of the first field they have those of the default.
          let embedded = collection.hasPlaceholder ? collection.searched : collection
          try resources.embedders.require(model, of: embedded, what: "vectors")
        }
        try PointValidation.check(batch, schema: collection.schema, collection: collection.name)
        try PointValidation.checkFields(of: batch, in: collection)
      },
      change: { try $0.write(batch, mode: mode) })
  }

  /// Upserts points under keys that the collection has given out. Where none is stored under a key, the point gets the
  /// next one.
  ///
  /// - Parameter batch: with ids.
  /// - Returns: ids in the order of the batch, new ones included.
  /// - Throws: as ``write(_:ofModel:to:mode:)``. Nothing is written then.
  package func replace(_ batch: PointBatch, in name: String) async throws -> WriteResult {
    try await withWriter(
      of: name,
      check: { collection in
        try PointValidation.check(
          batch, schema: collection.schema, collection: collection.name, namesKeys: true)
        try PointValidation.checkFields(of: batch, in: collection)
      },
      change: { [resources] writer in
        let rows = try resources.directory.read { db in
          try writer.collection.points.rows(ids: batch.ids, in: db)
        }
        return try Self.replace(batch, stored: Set(rows.keys), with: writer)
      })
  }

  /// - Parameter stored: ids of the batch under which there is a point.
  private static func replace(
    _ batch: PointBatch, stored: Set<PointID>, with writer: CollectionWriter
  ) throws -> [PointID] {
    let collection = writer.collection
    guard collection.schema.automaticKeys else { return try writer.write(batch, mode: .upsert) }
    var batch = batch
    let unknown = batch.ids.indices.filter { !stored.contains(batch.ids[$0]) }
    let keys = collection.keys(first: collection.nextKey, count: unknown.count)
    for (place, key) in zip(unknown, keys) { batch.ids[place] = key }
    return try writer.write(batch, mode: .upsert, newKeys: unknown.count)
  }

  /// Makes other points of stored ones, with no other write in between. Where the collection gives out keys, points under
  /// ids that are not stored get new ones.
  ///
  /// - Parameter change: takes the points of `ids` in their order, vector and payload included, `nil` where none is
  ///   stored, and gives what is stored under these or other ids. It runs as the collection's only writer.
  /// - Throws: as ``write(_:to:mode:)``; what `change` throws. Nothing is written then.
  package func update(
    _ ids: [PointID], in name: String,
    change: @escaping @Sendable ([Point?]) throws -> PointBatch
  ) async throws -> WriteResult {
    try await withWriter(
      of: name,
      check: { collection in
        try PointValidation.checkKeys(ids, kind: collection.schema.keyKind, collection: collection.name)
      },
      change: { [resources] writer in
        let collection = writer.collection
        let (rows, stored) = try resources.directory.read { db in
          let rows = try collection.points.rows(ids: ids, in: db)
          return (
            rows, try collection.points.points(rows: rows.values, payloads: true, parts: true, in: db)
          )
        }
        // The gate is held: every row that was read is in it.
        let snapshot = collection.snapshot
        let fields = collection.fields.map { ($0, $0.snapshot) }
        for snapshot in [snapshot] + fields.map(\.1) {
          try snapshot.requireSoundVectors(ofRows: Array(rows.values))
        }
        let points: [Point?] = ids.map { id in
          guard let point = rows[id].flatMap({ stored[$0] }) else { return nil }
          let vector = snapshot.vector(ofRow: point.row, dimension: collection.schema.dimension)
          return Point(
            id: id, vector: vector, payload: point.payload, fields: Self.vectors(ofRow: point.row, in: fields)
          )
        }
        let batch = try resources.withoutOutdated(change(points), points, in: collection)
        try PointValidation.check(
          batch, schema: collection.schema, collection: collection.name, namesKeys: true)
        try PointValidation.checkFields(of: batch, in: collection)
        return try Self.replace(batch, stored: Set(rows.keys), with: writer)
      })
  }

  /// Ids that are not stored are passed over; returns those that were deleted.
  package func delete(_ ids: [PointID], from name: String) async throws -> WriteResult {
    try await withWriter(
      of: name,
      check: { collection in
        try PointValidation.checkKeys(ids, kind: collection.schema.keyKind, collection: collection.name)
      },
      change: { try $0.delete(ids) })
  }

  /// Deletes what matches at the moment when it is this write's turn.
  ///
  /// - Throws: `invalidArgument` for a filter that is too large.
  package func delete(matching filter: PointFilter, from name: String) async throws -> WriteResult {
    try Self.check(filter)
    return try await withWriter(
      of: name, check: { _ in },
      change: { [resources] writer in
        let matching = try resources.directory.read { db in
          try writer.collection.points.live(matching: filter, limit: .max, payloads: false, in: db)
        }
        return matching.isEmpty ? [] : try writer.delete(matching.map(\.id))
      })
  }

  /// Points that match, in the order of their ids.
  ///
  /// - Parameters:
  ///   - filter: `nil` matches all.
  ///   - after: only points with greater ids.
  ///   - limit: 1 … 100,000.
  package func query(
    _ name: String, filter: PointFilter?, after: PointID? = nil, limit: Int, offset: Int = 0,
    includeVectors: Bool, includePayload: Bool
  ) async throws -> PointPage {
    guard (1...100_000).contains(limit), offset >= 0 else {
      throw MoultError(
        .invalidArgument, "limit must be in 1 … 100000 and offset at least 0, got \(limit) and \(offset)")
    }
    let collection = try aliases.resolveReady(name)
    if let filter { try Self.check(filter) }
    if let after {
      try PointValidation.checkKeys([after], kind: collection.schema.keyKind, collection: collection.name)
    }
    return try await read(collection, includeVectors: includeVectors) { db in
      let points = try collection.points.live(
        matching: filter, after: after, limit: limit, offset: offset, payloads: includePayload, in: db)
      return includeVectors && includePayload ? try collection.points.withParts(points, in: db) : points
    }
  }

  /// How many points match.
  package func count(_ name: String, filter: PointFilter) async throws -> (count: Int, servedBy: ServedBy) {
    let collection = try aliases.resolveReady(name)
    try Self.check(filter)
    try resources.admission.enter()
    defer { resources.admission.leave() }
    let count = try await resources.directory.read { db in
      try collection.points.liveCount(matching: filter, in: db)
    }
    return (count, collection.servedBy(collection.snapshot))
  }

  /// Runs `change` as the only writer of the collection that `name` stands for at that moment: whoever waited
  /// while a cut-over moved the name follows it to the new collection, so nothing is written to the old one.
  func withWriter(
    of name: String, check: @escaping @Sendable (Collection) throws -> Void,
    change: @escaping @Sendable (CollectionWriter) throws -> [PointID]
  ) async throws -> WriteResult {
    while true {
      let collection = try aliases.resolveReady(name)
      guard collection.parentID == nil else {
        throw MoultError(
          .invalidArgument,
          "'\(name)' is one vector field; write points to '\(FieldName.split(name)?.collection ?? name)' with all their "
            + "vectors")
      }
      // Outside the gate, so that a batch under inspection keeps nobody waiting.
      try await resources.writing.run { try check(collection) }
      let result: WriteResult? = try await collection.holdingWriters { [resources, aliases] in
        guard aliases.current.collection(name) === collection else { return nil }
        // It may have waited for others.
        try Deadline.check()
        let ids = try await resources.writing.run {
          let ids = try change(resources.writer(of: collection))
          resources.followTexts(of: collection)
          return ids
        }
        return WriteResult(ids: ids, servedBy: collection.servedBy(collection.snapshot))
      }
      if let result { return result }
    }
  }

  /// In the order of `ids`, unknown ids left out.
  package func get(
    _ ids: [PointID], from name: String, includeVectors: Bool, includePayload: Bool
  ) async throws -> PointPage {
    let collection = try aliases.resolveReady(name)
    try PointValidation.checkKeys(ids, kind: collection.schema.keyKind, collection: collection.name)
    return try await read(collection, includeVectors: includeVectors) { db in
      let rows = try collection.points.rows(ids: ids, in: db)
      let stored = try collection.points.points(
        rows: rows.values, payloads: includePayload, parts: includeVectors && includePayload, in: db)
      return ids.compactMap { id in rows[id].flatMap { stored[$0] } }
    }
  }

  /// Points in the order of their ids, after `after`, at most `limit`; for export.
  package func scan(
    _ name: String, after: PointID?, limit: Int, includeVectors: Bool, includePayload: Bool
  ) async throws -> PointPage {
    guard (1...100_000).contains(limit) else {
      throw MoultError(.invalidArgument, "limit must be in 1 … 100000, got \(limit)")
    }
    let collection = try aliases.resolveReady(name)
    if let after {
      try PointValidation.checkKeys([after], kind: collection.schema.keyKind, collection: collection.name)
    }
    // Of one vector field: points that have a vector there. An empty page is the end.
    let isField = collection.parentID != nil
    var last = after
    while true {
      var page = try await read(collection, includeVectors: includeVectors || isField) { [last] db in
        let points = try collection.points.scanLiveByKey(
          after: last, limit: limit, payloads: includePayload, in: db)
        return includeVectors && includePayload ? try collection.points.withParts(points, in: db) : points
      }
      guard isField, let end = page.points.last?.id else { return page }
      page.points.removeAll { $0.vector == nil }
      guard page.points.isEmpty else { return page }
      last = end
    }
  }

  static func vectors(
    ofRow row: Int64, in fields: [(Collection, CollectionSnapshot)]
  ) -> [String: [Float]] {
    var vectors: [String: [Float]] = [:]
    for (field, snapshot) in fields {
      vectors[field.schema.vectorField] = snapshot.vector(ofRow: row, dimension: field.schema.dimension)
    }
    return vectors
  }

  /// Reads rows of one database state and their vectors.
  ///
  /// A write publishes its snapshot just after its commit. A transaction that saw the commit first finds a
  /// row without a vector: the snapshot that has it is on its way, so the look is taken again.
  func read(
    _ collection: Collection, includeVectors: Bool,
    _ look: @escaping @Sendable (Database) throws -> [StoredPoint]
  ) async throws -> PointPage {
    try resources.admission.enter()
    defer { resources.admission.leave() }
    var collection = collection
    while true {
      let stored = try await resources.directory.read(look)
      let nextRow = collection.nextRow
      let snapshot = collection.snapshot
      // Those of the fields are published first: they have what this one has.
      let fields = collection.fields.map { ($0, $0.snapshot) }
      if includeVectors {
        try await resources.searching.run {
          for snapshot in [snapshot] + fields.map(\.1) {
            try snapshot.requireSoundVectors(ofRows: stored.map(\.row))
          }
        }
      }
      var points: [Point] = []
      points.reserveCapacity(stored.count)
      for point in stored {
        guard includeVectors else {
          points.append(Point(id: point.id, payload: point.payload))
          continue
        }
        let vector = snapshot.vector(ofRow: point.row, dimension: collection.schema.dimension)
        // Not every point has one in a field beside the first.
        guard vector != nil || (collection.parentID != nil && point.row < nextRow) else { break }
        points.append(
          Point(
            id: point.id, vector: collection.hasPlaceholder ? nil : vector, payload: point.payload,
            fields: Self.vectors(ofRow: point.row, in: fields)))
      }
      if points.count == stored.count {
        return PointPage(points: points, servedBy: collection.servedBy(snapshot))
      }
      // The writer that publishes it holds the gate until it has.
      await collection.writers.run {}
      // It may have been opened anew under another definition, and this one gets no snapshots any more.
      if let present = aliases.current.collections[collection.name], present.id == collection.id {
        collection = present
      }
    }
  }
}
