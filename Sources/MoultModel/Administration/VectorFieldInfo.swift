/// What one vector field of a collection, beside its first, looks like from outside.
public struct VectorFieldInfo: Sendable, Codable, Equatable {
  public var name: String
  public var dimension: Int
  public var metric: Metric
  public var elementType: CollectionSchema.ElementType
  /// Live points that have a vector in this field.
  public var count: Int
  /// The generation that answers searches of this field.
  public var generation: GenerationInfo
  /// The generation that `rollback` of this field would return to.
  public var previousGeneration: GenerationInfo?

  public init(
    name: String, dimension: Int, metric: Metric, elementType: CollectionSchema.ElementType, count: Int,
    generation: GenerationInfo, previousGeneration: GenerationInfo?
  ) {
    self.name = name
    self.dimension = dimension
    self.metric = metric
    self.elementType = elementType
    self.count = count
    self.generation = generation
    self.previousGeneration = previousGeneration
  }
}
