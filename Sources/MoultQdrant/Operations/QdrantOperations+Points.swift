internal import MoultEngine
internal import MoultModel
internal import MoultServer
internal import NIOCore

extension QdrantOperations {
  enum UpdateMode: String, CaseIterable {
    case upsert
    case insertOnly = "insert_only"
    case updateOnly = "update_only"
  }

  /// `PUT …/points`, and the same inside a batch of operations.
  ///
  /// - Parameter body: the request's, whose bytes the members' places are in.
  func upsert(_ fields: QdrantFields, body: ByteBuffer, to collection: QdrantCollection) async throws {
    try Self.requireOwn(collection.info)
    let mode = try updateMode(fields)
    let condition = try filter(fields, "update_filter")?.pointFilter(in: collection)
    let translation = PointTranslation(collection: collection, body: body)
    let points = try translation.points(fields)
    guard !points.isEmpty else { throw QdrantError.badRequest("Empty update request") }
    if mode == .upsert, condition == nil {
      _ = try await engine.write(try translation.batch(points), to: collection.asked, mode: .upsert)
    }
    // What becomes of a point that stands there twice depends on what became of the first.
    for part in mode == .upsert && condition == nil ? [] : Self.withoutRepetition(points) {
      let batch = try translation.batch(part)
      _ = try await engine.edit(.ids(batch.ids), where: condition, in: collection.asked) { page in
        var kept: [Int] = []
        for point in page.points {
          let isWritten =
            switch mode {
            case .upsert: point.stored == nil || point.matches
            case .insertOnly: point.stored == nil
            case .updateOnly: point.stored != nil && point.matches
            }
          if isWritten { kept.append(point.place) }
        }
        return kept.isEmpty ? nil : batch.selecting(kept)
      }
    }
    await startWantedSwitches(of: collection.name)
  }

  /// The points in parts in which each id stands once, in their order.
  private static func withoutRepetition(_ points: [GivenPoint]) -> [[GivenPoint]] {
    var parts: [[GivenPoint]] = []
    var occurrences: [PointID: Int] = [:]
    for point in points {
      let part = occurrences[point.id, default: 0]
      occurrences[point.id] = part + 1
      if part == parts.count { parts.append([]) }
      parts[part].append(point)
    }
    return parts
  }

  private func updateMode(_ fields: QdrantFields) throws(QdrantError) -> UpdateMode {
    guard let text = try fields.string("update_mode") else { return .upsert }
    guard let mode = UpdateMode(rawValue: text) else {
      throw .format(
        "update_mode: unknown variant `\(text.prefix(100))`, expected one of `upsert`, `insert_only`, `update_only`"
      )
    }
    return mode
  }

  func filter(_ fields: QdrantFields, _ name: String = "filter") throws(QdrantError) -> QdrantFilter? {
    guard let json = fields[name] else { return nil }
    return try QdrantFilter(json, at: fields.place(name))
  }

  /// `points` or `filter` of a request.
  func selection(_ fields: QdrantFields, in collection: QdrantCollection) throws -> PointSelection {
    if let list = try fields.array("points") {
      var ids: [PointID] = []
      var seen: Set<PointID> = []
      for (index, json) in list.enumerated() {
        let id = try QdrantPointID.read(json, at: "\(fields.place("points"))[\(index)]")
        if seen.insert(id).inserted { ids.append(id) }
      }
      return .ids(ids)
    }
    guard let filter = try filter(fields) else {
      throw QdrantError.format("data did not match any variant: expected `points` or `filter`")
    }
    return .matching(try filter.pointFilter(in: collection))
  }

  func delete(_ fields: QdrantFields, from collection: QdrantCollection) async throws {
    switch try selection(fields, in: collection) {
    case .ids(let ids): _ = try await engine.delete(ids, from: collection.asked)
    case .matching(let filter): _ = try await engine.delete(matching: filter, from: collection.asked)
    }
  }

  /// Makes other points of those that are selected, with no other write in between. Ids that are not stored keep nothing from being done:
  /// the others are changed, then the first of them is told.
  ///
  /// - Throws: 404 naming the first id that is not stored.
  func edit(
    _ selection: PointSelection, where condition: PointFilter? = nil, in collection: QdrantCollection,
    _ change: @escaping @Sendable (inout Point) throws -> Void
  ) async throws {
    try Self.requireOwn(collection.info)
    let missing = FirstMissing()
    _ = try await engine.edit(selection, where: condition, in: collection.asked) { page in
      var changed: [Point] = []
      if missing.id == nil { missing.id = page.points.first { $0.stored == nil }?.id }
      for point in page.points where point.matches {
        guard let stored = point.stored else { continue }
        var new = stored
        try change(&new)
        if new != stored { changed.append(new) }
      }
      // Not by the vectors that `collection` had: others may have come and been filled since it was described.
      return changed.isEmpty ? nil : page.batch(changed)
    }
    if let id = missing.id {
      throw QdrantError.notFound("No point with id \(QdrantPointID.text(id)) found")
    }
  }

  /// Set by the one writer, read when it has returned.
  private final class FirstMissing: @unchecked Sendable {
    var id: PointID?
  }

  func edit(_ edit: PayloadEdit, _ selection: PointSelection, in collection: QdrantCollection) async throws {
    try await self.edit(selection, in: collection) { point in
      var payload = try StoredPayload(point.payload)
      edit.apply(to: &payload.object)
      let text = payload.text
      if text != point.payload ?? "" { point.payload = text }
    }
  }

  /// `PUT …/points/vectors`: points keep their other vectors.
  func updateVectors(_ fields: QdrantFields, in collection: QdrantCollection) async throws {
    let list = try fields.required("points", try fields.array("points"))
    guard !list.isEmpty else { throw QdrantError.validation("[points: must specify points to update]") }
    let condition = try filter(fields, "update_filter")?.pointFilter(in: collection)
    var given: [PointID: PointVectors] = [:]
    var ids: [PointID] = []
    for (index, json) in list.enumerated() {
      let point = try QdrantFields(json, at: "\(fields.place("points"))[\(index)]")
      let id = try QdrantPointID.read(try point.required("id", point["id"]), at: point.place("id"))
      let vectors = try PointVectors(point["vector"], collection.definition, at: point.place("vector"))
      if let earlier = given[id] {
        given[id] = earlier.merging(vectors)
      } else {
        ids.append(id)
        given[id] = vectors
      }
    }
    let definition = collection.definition
    try await edit(.ids(ids), where: condition, in: collection) { [given] point in
      guard let vectors = given[point.id] else { return }
      try vectors.apply(to: &point, definition, firstField: collection.info.schema.vectorField)
    }
    await startWantedSwitches(of: collection.name)
  }

  /// `POST …/points/vectors/delete`.
  func deleteVectors(_ fields: QdrantFields, in collection: QdrantCollection) async throws {
    let names = try fields.required("vector", try fields.strings("vector"))
    guard !names.isEmpty else {
      throw QdrantError.validation("[vector: must specify vector names to delete]")
    }
    let selection = try selection(fields, in: collection)
    let vectors = try names.map { try collection.vector(using: $0) }
    guard vectors.allSatisfy({ $0.kind.isInPayload || $0.field != nil }) else {
      throw QdrantError.badRequest(
        "every point of a collection whose vector has no name has that vector; delete the point instead")
    }
    try await edit(selection, in: collection) { point in
      for vector in vectors {
        if let field = vector.field { point.fields[field] = nil }
        guard vector.kind.isInPayload else { continue }
        var payload = try StoredPayload(point.payload)
        payload.object[vector.target] = nil
        if case .multi(_, let part) = vector.kind { payload.setMultiVector(part, nil) }
        point.payload = payload.text
      }
    }
  }
}

extension PointVectors {
  /// These, and the other's where it has some.
  func merging(_ other: PointVectors) -> PointVectors {
    var merged = self
    for (place, vector) in other.dense.enumerated() where vector != nil { merged.dense[place] = vector }
    for (place, vector) in other.sparse.enumerated() where vector != nil { merged.sparse[place] = vector }
    for (place, vector) in other.multi.enumerated() where vector != nil { merged.multi[place] = vector }
    return merged
  }

  func apply(to point: inout Point, _ definition: QdrantDefinition, firstField: String) throws {
    for (place, vector) in dense.enumerated() {
      guard let vector else { continue }
      let field = definition.vectors[place].field
      if field == firstField { point.vector = vector } else { point.fields[field] = vector }
    }
    guard sparse.contains(where: { $0 != nil }) || multi.contains(where: { $0 != nil }) else { return }
    var payload = try StoredPayload(point.payload)
    for (place, vector) in sparse.enumerated() {
      if let vector { payload.object[definition.sparseVectors[place].member] = .string(vector.stored) }
    }
    for (place, vector) in multi.enumerated() where vector != nil {
      payload.setMultiVector(definition.multiVectors[place].part, vector)
    }
    point.payload = payload.text
  }
}

extension PointBatch {
  /// The points at these places, rising.
  func selecting(_ places: [Int]) -> PointBatch {
    guard places.count < count else { return self }
    var batch = PointBatch(ids: places.map { ids[$0] }, vectors: [], dimension: dimension)
    for place in places { batch.vectors += vectors[place * dimension..<(place + 1) * dimension] }
    if !payloads.isEmpty { batch.payloads = places.map { payloads[$0] } }
    for (name, field) in fields {
      let absent = Set(field.absent)
      batch.fields[name] = FieldVectors(
        places.map {
          absent.contains($0) ? nil : Array(field.vectors[$0 * field.dimension..<($0 + 1) * field.dimension])
        },
        dimension: field.dimension)
    }
    return batch
  }
}
