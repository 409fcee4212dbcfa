internal import MoultModel

/// One vector field of a collection, and how the engine calls it.
struct VectorTarget {
  var field: CollectionDefinition.Field
  /// The collection's name for its first vector field, `collection:field` for the others.
  var path: String
  var dimension: Int
  var metric: Metric
  var generation: GenerationInfo
  /// Points that have a vector in it.
  var count: Int
}

extension DescribedCollection {
  /// In the order of the definition.
  var vectors: [VectorTarget] {
    definition.vectors.compactMap { field in
      if field.name == info.schema.vectorField {
        return VectorTarget(
          field: field, path: info.name, dimension: info.schema.dimension, metric: info.schema.metric,
          generation: info.generation, count: info.count)
      }
      guard let other = info.fields.first(where: { $0.name == field.name }) else { return nil }
      return VectorTarget(
        field: field, path: FieldName.joined(info.name, field.name), dimension: other.dimension,
        metric: other.metric, generation: other.generation, count: other.count)
    }
  }

  /// The field that a search is about.
  ///
  /// - Parameter name: may be empty where there is one field only.
  /// - Throws: 1100 for none.
  func vector(_ name: String) throws -> VectorTarget {
    let vectors = vectors
    if name.isEmpty {
      guard let only = vectors.first, vectors.count == 1 else {
        throw MilvusError.invalidParameter(
          "multiple anns_fields exist, please specify a anns_field in search_params")
      }
      return only
    }
    guard let target = vectors.first(where: { $0.field.name == name }) else {
      throw MilvusError.invalidParameter(
        "failed to create query plan: failed to get field schema by name: fieldName(\(name)) not found")
    }
    return target
  }
}

extension Point {
  /// All of its vectors, by field.
  func vectors(_ schema: CollectionSchema) -> [String: [Float]] {
    var vectors = fields
    vectors[schema.vectorField] = vector
    return vectors
  }
}
