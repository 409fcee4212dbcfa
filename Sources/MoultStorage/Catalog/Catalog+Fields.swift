package import GRDB
package import MoultModel

// Vector fields beside a collection's first.
extension Catalog {
  /// Adds one at full precision, with no vectors yet.
  ///
  /// - Parameter isPartial: there are points that ought to get a vector in it.
  /// - Throws: `collectionExists`.
  package func insertField(
    _ field: VectorField, of collection: CollectionRecord, isPartial: Bool = false, in db: Database
  ) throws -> (collection: CollectionRecord, generation: GenerationRecord) {
    var schema = Self.schema(of: field, in: collection.schema)
    schema.isPartial = isPartial ? true : nil
    return try insertCollection(
      name: FieldName.joined(collection.name, field.name), schema: schema,
      specification: EncodingSpecification(index: field.index), parent: collection.id, in: db)
  }

  /// All points have had a vector in the field.
  package func setComplete(_ id: Int64, in db: Database) throws {
    var schema = try collection(id, in: db).schema
    schema.isPartial = nil
    try setSchema(schema, of: id, in: db)
  }

  /// What a point of the collection looks like to whoever sees that field only.
  package static func schema(of field: VectorField, in schema: CollectionSchema) -> CollectionSchema {
    CollectionSchema(
      dimension: field.dimension, metric: field.metric, keyKind: schema.keyKind, keyField: schema.keyField,
      vectorField: field.name, elementType: field.elementType)
  }
}
