internal import MoultModel

/// One dense vector field of a collection, and how the engine calls it.
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
    definition.denseVectors.compactMap { field in
      if field.name == info.schema.vectorField {
        return VectorTarget(
          field: field,
          path: info.schema.searchField == nil ? info.name : FieldName.joined(info.name, field.name),
          dimension: info.schema.dimension, metric: info.schema.metric,
          generation: info.generation, count: info.count)
      }
      guard let other = info.fields.first(where: { $0.name == field.name }) else { return nil }
      return VectorTarget(
        field: field, path: FieldName.joined(info.name, field.name), dimension: other.dimension,
        metric: other.metric, generation: other.generation, count: other.count)
    }
  }

  /// - Throws: 1100 for a field that is no dense vector.
  func vector(_ name: String) throws -> VectorTarget {
    guard let target = vectors.first(where: { $0.field.name == name }) else { throw Self.missing(name) }
    return target
  }

  /// The field that a search is about.
  ///
  /// - Parameter name: may be empty where there is one field only.
  /// - Throws: 1100 for none.
  func target(_ name: String) throws -> SearchTarget {
    let fields = definition.vectors
    // That of the collection's default, where there is one.
    let name = name.isEmpty ? info.schema.searchField ?? name : name
    guard !name.isEmpty || fields.count == 1 else {
      throw MilvusError.invalidParameter(
        "multiple anns_fields exist, please specify a anns_field in search_params")
    }
    guard let field = name.isEmpty ? fields.first : fields.first(where: { $0.name == name }) else {
      throw Self.missing(name)
    }
    guard field.type.isDenseVector else { return .payload(try PayloadTarget(field, definition)) }
    return .dense(try vector(field.name))
  }

  private static func missing(_ name: String) -> MilvusError {
    .invalidParameter(
      "failed to create query plan: failed to get field schema by name: fieldName(\(name)) not found")
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
