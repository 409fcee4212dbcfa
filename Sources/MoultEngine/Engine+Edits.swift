import GRDB
package import MoultModel
import MoultStorage

/// Which points an edit is about.
package enum PointSelection: Sendable {
  case ids([PointID])
  case matching(PointFilter)
}

/// A point that an edit looks at.
package struct EditedPoint: Sendable {
  package var id: PointID
  /// With its vectors and its payload; `nil` where none is stored.
  package var stored: Point?
  /// Whether it is stored and fulfils the edit's condition.
  package var matches: Bool
}

extension Engine {
  /// Makes other points of those that are selected, with no other write in between and in one write.
  ///
  /// - Parameters:
  ///   - selection: ids in their order, those that are not stored included, or what is stored and matches, by id.
  ///   - condition: what `matches` says of a stored point; `nil` is fulfilled by all.
  ///   - change: gives what is stored, under these or other ids; `nil` changes nothing. It runs as the collection's only
  ///     writer.
  /// - Throws: as ``write(_:to:mode:)``; what `change` throws. Nothing is written then.
  /// - Complexity: holds the selected points in memory, vectors included.
  package func edit(
    _ selection: PointSelection, where condition: PointFilter? = nil, in name: String,
    change: @escaping @Sendable ([EditedPoint]) throws -> PointBatch?
  ) async throws -> WriteResult {
    if let condition { try Self.check(condition) }
    if case .matching(let filter) = selection { try Self.check(filter) }
    return try await withWriter(
      of: name,
      check: { collection in
        guard case .ids(let ids) = selection else { return }
        try PointValidation.checkKeys(ids, kind: collection.schema.keyKind, collection: collection.name)
      },
      change: { [resources] writer in
        let collection = writer.collection
        let (ids, stored, matching) = try resources.directory.read { db in
          try Self.look(selection, condition, collection, db)
        }
        // The gate is held: every row that was read is in it.
        let snapshot = collection.snapshot
        let fields = collection.fields.map { ($0, $0.snapshot) }
        for snapshot in [snapshot] + fields.map(\.1) {
          try snapshot.requireSoundVectors(ofRows: stored.values.map(\.row))
        }
        let points = ids.map { id in
          let point = stored[id].map { point in
            Point(
              id: id, vector: snapshot.vector(ofRow: point.row, dimension: collection.schema.dimension),
              payload: point.payload, fields: Self.vectors(ofRow: point.row, in: fields))
          }
          return EditedPoint(id: id, stored: point, matches: point != nil && matching?.contains(id) ?? true)
        }
        guard let batch = try change(points) else { return [] }
        try PointValidation.check(batch, schema: collection.schema, collection: collection.name)
        try PointValidation.checkFields(of: batch, in: collection)
        return try writer.write(batch, mode: .upsert)
      })
  }

  /// The ids that are selected, those of them that are stored, and those that fulfil the condition, if there is one.
  private static func look(
    _ selection: PointSelection, _ condition: PointFilter?, _ collection: Collection, _ db: Database
  ) throws -> ([PointID], [PointID: StoredPoint], Set<PointID>?) {
    let ids: [PointID]
    var stored: [PointID: StoredPoint] = [:]
    switch selection {
    case .ids(let given):
      ids = given
      let rows = try collection.points.rows(ids: given, in: db)
      let points = try collection.points.points(rows: rows.values, payloads: true, in: db)
      stored = rows.compactMapValues { points[$0] }
    case .matching(let filter):
      let points = try collection.points.live(matching: filter, limit: .max, payloads: true, in: db)
      ids = points.map(\.id)
      for point in points { stored[point.id] = point }
    }
    let matching = try condition.map { condition in
      let both = PointFilter.all([.ids(Set(stored.keys)), condition])
      return Set(try collection.points.live(matching: both, limit: .max, payloads: false, in: db).map(\.id))
    }
    return (ids, stored, matching)
  }

  /// Points in columns, as a write takes them.
  ///
  /// - Parameter fields: dimensions of the fields beside the first, by name.
  package static func batch(_ points: [Point], dimension: Int, fields: [String: Int]) -> PointBatch {
    var batch = PointBatch(ids: points.map(\.id), vectors: [], dimension: dimension)
    batch.vectors.reserveCapacity(points.count * dimension)
    for point in points { batch.vectors += point.vector ?? [Float](repeating: 0, count: dimension) }
    if points.contains(where: { $0.payload?.isEmpty == false }) {
      batch.payloads = points.map { $0.payload ?? "" }
    }
    for (name, dimension) in fields {
      let vectors = points.map { $0.fields[name] }
      guard vectors.contains(where: { $0 != nil }) else { continue }
      batch.fields[name] = FieldVectors(vectors, dimension: dimension)
    }
    return batch
  }
}
