/// A vector field beside a collection's first one: vectors of its own dimension and metric, with codes, index and
/// generations of their own, for the same points.
public struct VectorField: Sendable, Equatable {
  public var name: String
  /// Entries of each vector, 1 … 32 768.
  public var dimension: Int
  public var metric: Metric
  public var elementType: CollectionSchema.ElementType
  public var index: IndexSpecification

  public init(
    name: String, dimension: Int, metric: Metric = .cosine,
    elementType: CollectionSchema.ElementType = .float32,
    index: IndexSpecification = .automatic
  ) {
    self.name = name
    self.dimension = dimension
    self.metric = metric
    self.elementType = elementType
    self.index = index
  }
}
