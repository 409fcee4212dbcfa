package import GRDB
package import MoultModel

// Vector fields beside a collection's first.
extension Catalog {
  /// Adds one at full precision, with no vectors yet.
  ///
  /// - Throws: `collectionExists`.
  package func insertField(
    _ field: VectorField, of collection: CollectionRecord, in db: Database
  ) throws -> (collection: CollectionRecord, generation: GenerationRecord) {
    try insertCollection(
      name: FieldName.joined(collection.name, field.name),
      schema: Self.schema(of: field, in: collection.schema),
      specification: EncodingSpecification(index: field.index), parent: collection.id, in: db)
  }

  /// What a point of the collection looks like to whoever sees that field only.
  package static func schema(of field: VectorField, in schema: CollectionSchema) -> CollectionSchema {
    CollectionSchema(
      dimension: field.dimension, metric: field.metric, keyKind: schema.keyKind, keyField: schema.keyField,
      vectorField: field.name, elementType: field.elementType)
  }
}
