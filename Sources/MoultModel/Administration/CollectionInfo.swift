/// What a collection looks like from outside.
public struct CollectionInfo: Sendable, Codable, Equatable {
  public var name: String
  /// Unique in the data directory, never reused.
  public var id: Int64
  public var schema: CollectionSchema
  /// Live points.
  public var count: Int
  public var aliases: [String]
  /// The generation that answers searches.
  public var generation: GenerationInfo
  /// The generation `rollback` would return to.
  public var previousGeneration: GenerationInfo?
  /// Milliseconds since 1970.
  public var createdAt: Int64
  /// Rises with every change of the collection's definition; what clients cache a schema by.
  public var updatedAt: Int64
  /// False while a reindex is still filling it.
  public var ready: Bool
  /// Vector fields beside the schema's own.
  public var fields: [VectorFieldInfo]

  public init(
    name: String, id: Int64, schema: CollectionSchema, count: Int, aliases: [String],
    generation: GenerationInfo, previousGeneration: GenerationInfo?, createdAt: Int64, updatedAt: Int64,
    ready: Bool, fields: [VectorFieldInfo] = []
  ) {
    self.name = name
    self.id = id
    self.schema = schema
    self.count = count
    self.aliases = aliases
    self.generation = generation
    self.previousGeneration = previousGeneration
    self.createdAt = createdAt
    self.updatedAt = updatedAt
    self.ready = ready
    self.fields = fields
  }

  /// Entries of the vectors of a search that names no field.
  public var searchDimension: Int {
    fields.first { $0.name == schema.searchField }?.dimension ?? schema.dimension
  }
}
