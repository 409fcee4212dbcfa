internal import Foundation
internal import MoultModel
internal import MoultServer

/// A collection as it is, with what clients said about it.
struct QdrantCollection: Sendable {
  let info: CollectionInfo
  let definition: QdrantDefinition
  /// What the request calls it: its name or an alias. Writes go by that: one that waits while a cut-over moves the alias
  /// must reach the new collection, since nobody follows the old one any more.
  let asked: String

  /// - Parameter asked: `nil` for its own name.
  init(_ info: CollectionInfo, asked: String? = nil) throws {
    self.info = info
    self.asked = asked ?? info.name
    definition = try QdrantDefinition(of: info)
  }

  /// The engine's own name of the collection, never an alias.
  var name: String { info.name }

  /// In the order of the definition, the sparse ones last.
  var vectors: [QdrantVector] {
    definition.vectors.map(described) + definition.multiVectors.map(described)
      + definition.sparseVectors.map(described)
  }

  private func described(_ vector: QdrantDefinition.MultiVector) -> QdrantVector {
    QdrantVector(
      name: vector.name, kind: .multi(dimension: vector.size, part: vector.part), distance: vector.distance,
      target: StoredPayload.multiMember(vector.part))
  }

  private func described(_ vector: QdrantDefinition.SparseVector) -> QdrantVector {
    QdrantVector(
      name: vector.name, kind: .sparse, distance: .dot, target: vector.member,
      weighsIndices: vector.given["modifier"] == .string("idf"))
  }

  private func described(_ vector: QdrantDefinition.Vector) -> QdrantVector {
    let isFirst = vector.field == info.schema.vectorField
    return QdrantVector(
      name: vector.name, kind: .dense(dimension: vector.size), distance: vector.distance,
      target: isFirst && info.schema.searchField == nil
        ? info.name : FieldName.joined(info.name, vector.field),
      field: isFirst ? nil : vector.field)
  }

  /// The vector that a query is about.
  ///
  /// - Parameter name: `nil` and "" are the collection's default, where it has one, and else the one without a name, which
  ///   then has the engine's.
  /// - Throws: 400 for none.
  func vector(using name: String?) throws(QdrantError) -> QdrantVector {
    let name = name ?? ""
    if let field = info.schema.searchField {
      let wanted = name.isEmpty ? field : name
      let other = definition.vectors.first { $0.field == wanted && (name.isEmpty || $0.name.isEmpty) }
      if let other { return described(other) }
      // The default may be one that no client of Qdrant has made.
      if name.isEmpty, let own = info.fields.first(where: { $0.name == field }) {
        return QdrantVector(
          name: "", kind: .dense(dimension: own.dimension), distance: QdrantDistance(own.metric),
          target: FieldName.joined(info.name, field), field: field)
      }
    }
    if let dense = definition.vectors.first(where: { $0.name == name }) { return described(dense) }
    if let multi = definition.multiVectors.first(where: { $0.name == name }) { return described(multi) }
    if let sparse = definition.sparseVectors.first(where: { $0.name == name }) {
      return described(sparse)
    }
    throw .wrongInput("Not existing vector name error: \(name)")
  }

  /// Points that have this vector. Those in payloads nobody counts.
  func count(of vector: QdrantVector) -> Int? {
    switch (vector.kind, vector.field) {
    case (.sparse, _), (.multi, _): nil
    case (.dense, nil): info.count
    case (.dense, let field?): info.fields.first { $0.name == field }?.count
    }
  }

  /// Writes the vectors of a point: one without a name as it is, others by their names.
  func write(vectorsOf point: Point, _ wanted: WithVector, to json: inout JSONWriter) throws {
    let dense = definition.vectors.map(described)
    let multi = definition.multiVectors
    let isInPayload = (multi.map(\.name) + definition.sparseVectors.map(\.name)).contains(
      where: wanted.includes)
    let payload = isInPayload ? try StoredPayload(point.payload) : StoredPayload(object: JSONObject())
    if definition.names == [""], wanted == .all {
      if let unnamed = dense.first { return json.value(unnamed.values(of: point) ?? []) }
      if let unnamed = multi.first, let rows = payload.multiVector(unnamed.part, dimension: unnamed.size) {
        return rows.write(to: &json)
      }
    }
    json.beginObject()
    for vector in dense where wanted.includes(vector.name) {
      if let values = vector.values(of: point) { json.member(vector.name, values) }
    }
    for vector in multi where wanted.includes(vector.name) {
      guard let rows = payload.multiVector(vector.part, dimension: vector.size) else { continue }
      json.key(vector.name)
      rows.write(to: &json)
    }
    for vector in definition.sparseVectors where wanted.includes(vector.name) {
      guard let stored = payload.object[vector.member]?.string,
        let sparse = QdrantSparseVector(stored: stored)
      else { continue }
      json.key(vector.name)
      sparse.write(to: &json)
    }
    json.endObject()
  }
}
