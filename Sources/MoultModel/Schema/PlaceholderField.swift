/// What stands in place of a collection's first vector field where points need not have any vector: a zero a point, that
/// the server writes by itself and shows to nobody.
///
/// The first field keeps a collection's rows, so there is always one. A collection whose vectors all have names, or whose
/// first field was dropped, has this one.
public enum PlaceholderField {
  /// *In stored data: changing it makes such collections show the field, and ask for it.*
  public static let name = "_none"
  /// In collections that clients of Milvus have made without a dense field that every point has. *In stored data.*
  public static let nameInMilvus = "_placeholder_vector"
  public static let names: Set<String> = [name, nameInMilvus]
  public static let dimension = 1
  /// One that has a use for zeros.
  public static let metric = Metric.squaredEuclidean

  public static func vectors(count: Int) -> [Float] { [Float](repeating: 0, count: count * dimension) }
}

extension CollectionSchema {
  /// Whether its points have no vector of the first field.
  public var hasPlaceholder: Bool {
    dimension == PlaceholderField.dimension && PlaceholderField.names.contains(vectorField)
  }

  /// That of the same points without the first field.
  package var withoutFirstField: CollectionSchema {
    var schema = self
    schema.dimension = PlaceholderField.dimension
    schema.metric = PlaceholderField.metric
    schema.vectorField = PlaceholderField.name
    schema.elementType = .float32
    return schema
  }
}
