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
  /// Its place among all that are selected.
  package var place: Int
  /// With its vectors and its payload; `nil` where none is stored.
  package var stored: Point?
  /// Whether it is stored and fulfils the edit's condition.
  package var matches: Bool
}

/// Some of the points that are selected, one after the other.
package struct EditedPage: Sendable {
  package var points: [EditedPoint]
  /// Of the first vector field.
  package var dimension: Int
  /// Dimensions of the fields beside the first, by name: those that are there while the edit runs.
  package var fields: [String: Int]

  /// Points in columns, as a write takes them.
  package func batch(_ points: [Point]) -> PointBatch {
    var batch = PointBatch(ids: points.map(\.id), vectors: [], dimension: dimension)
    batch.vectors.reserveCapacity(points.count * dimension)
    for point in points { batch.vectors += point.vector ?? [Float](repeating: 0, count: dimension) }
    if points.contains(where: { $0.payload?.isEmpty == false }) {
      batch.payloads = points.map { $0.payload ?? "" }
    }
    // A field that has gone comes along: the write refuses it, which is better than to lose the vectors unsaid.
    for name in Set(points.flatMap(\.fields.keys)) {
      let vectors = points.map { $0.fields[name] }
      let given = vectors.lazy.compactMap { $0 }.first?.count ?? 0
      batch.fields[name] = FieldVectors(vectors, dimension: fields[name] ?? given)
    }
    return batch
  }
}

extension Engine {
  /// Points that an edit holds in memory and writes at a time, at most.
  static let editedPointsMax = 10_000
  /// Numbers of their vectors, at most, unless one point has more.
  static let editedNumbersMax = 1 << 24

  /// Makes other points of those that are selected, with no other write in between. They are read, changed and written
  /// in pages, so that an edit of a whole collection does not need all of it in memory.
  ///
  /// - Parameters:
  ///   - selection: ids in their order, those that are not stored included, or what is stored and matches, by id. What
  ///     matches is decided before the first page is written.
  ///   - condition: what `matches` says of a stored point; `nil` is fulfilled by all.
  ///   - change: gives what is stored, under these or other ids; `nil` changes nothing. It runs as the collection's
  ///     only writer, once for every page.
  /// - Throws: as ``write(_:to:mode:)``; what `change` throws. Nothing of that page is written then, nor of those
  ///   behind it; pages before it stay.
  /// - Complexity: holds the ids that are selected in memory, and one page with its vectors.
  package func edit(
    _ selection: PointSelection, where condition: PointFilter? = nil, in name: String,
    change: @escaping @Sendable (EditedPage) throws -> PointBatch?
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
        let ids: [PointID]
        switch selection {
        case .ids(let given): ids = given
        case .matching(let filter):
          ids = try resources.directory.read { db in
            try collection.points.live(matching: filter, limit: .max, payloads: false, in: db).map(\.id)
          }
        }
        // The gates of the fields are held too: none comes or goes before the last page is written.
        let numbers = collection.withFields.reduce(0) { $0 + $1.schema.dimension }
        let size = max(1, min(Self.editedPointsMax, Self.editedNumbersMax / numbers))
        var written: [PointID] = []
        var rest = ids[...]
        while !rest.isEmpty {
          let (part, stored, matching) = try resources.directory.read { [rest] db in
            let page = rest.prefix(size)
            let count = try collection.points.prefix(page, partBytes: PointStore.partBytesMax / 4, in: db)
            let part = page.prefix(count)
            let (stored, matching) = try Self.look(part, condition, collection, db)
            return (part, stored, matching)
          }
          rest = rest.dropFirst(part.count)
          let page = try self.page(part, stored, matching, collection)
          guard let changed = try change(page) else { continue }
          let batch = try resources.withoutOutdated(changed, page.points.map(\.stored), in: collection)
          try PointValidation.check(batch, schema: collection.schema, collection: collection.name)
          try PointValidation.checkFields(of: batch, in: collection)
          written += try writer.write(batch, mode: .upsert)
        }
        return written
      })
  }

  /// Those of the ids that are stored, and those that fulfil the condition, if there is one.
  private static func look(
    _ ids: ArraySlice<PointID>, _ condition: PointFilter?, _ collection: Collection, _ db: Database
  ) throws -> ([PointID: StoredPoint], Set<PointID>?) {
    let rows = try collection.points.rows(ids: Array(ids), in: db)
    let points = try collection.points.points(rows: rows.values, payloads: true, parts: true, in: db)
    let stored = rows.compactMapValues { points[$0] }
    let matching = try condition.map { condition in
      let both = PointFilter.all([.ids(Set(stored.keys)), condition])
      return Set(try collection.points.live(matching: both, limit: .max, payloads: false, in: db).map(\.id))
    }
    return (stored, matching)
  }

  /// For the holder of the gate: every row that was read is in the collection's snapshots.
  ///
  /// - Parameter ids: whose places are those among all that are selected.
  private func page(
    _ ids: ArraySlice<PointID>, _ stored: [PointID: StoredPoint], _ matching: Set<PointID>?,
    _ collection: Collection
  ) throws -> EditedPage {
    let snapshot = collection.snapshot
    let all = collection.fields
    let fields = all.map { ($0, $0.snapshot) }
    for snapshot in [snapshot] + fields.map(\.1) {
      try snapshot.requireSoundVectors(ofRows: stored.values.map(\.row))
    }
    let points = zip(ids.indices, ids).map { place, id in
      let point = stored[id].map { point in
        Point(
          id: id, vector: snapshot.vector(ofRow: point.row, dimension: collection.schema.dimension),
          payload: point.payload, fields: Self.vectors(ofRow: point.row, in: fields))
      }
      return EditedPoint(
        id: id, place: place, stored: point, matches: point != nil && matching?.contains(id) ?? true)
    }
    let dimensions = all.map { ($0.schema.vectorField, $0.schema.dimension) }
    return EditedPage(
      points: points, dimension: collection.schema.dimension,
      fields: Dictionary(dimensions, uniquingKeysWith: { first, _ in first }))
  }
}
