import GRDB
import Logging
import MoultCompute
package import MoultModel
import MoultStorage

// Vector fields beside a collection's first. One is addressed as `collection:field` wherever a form or a search is meant:
// `search`, `startSwitch`, `rollback`, `plan`, `status`, `redefine`.
extension Engine {
  /// Vector fields of one collection at most, the first included.
  package static let fieldsMax = 10

  /// Adds a vector field to a collection that may hold points already; none of them has a vector in it yet.
  ///
  /// - Throws: `collectionNotFound`, `invalidArgument` (its name, dimension or index; too many fields),
  ///   `collectionExists` when the collection has such a field.
  package func addVectorField(_ field: VectorField, to name: String) async throws {
    try await names.run {
      let collection = try aliases.resolveReady(name)
      try Self.requireWhole(collection, name)
      try Self.check(field, schema: collection.schema)
      let requester = Requester.name
      try await collection.holdingWriters {
        let hasPoints = collection.snapshot.liveCount > 0
        guard collection.fields.allSatisfy({ $0.schema.vectorField != field.name }),
          collection.textVectors.allSatisfy({ $0.name != field.name })
        else {
          throw MoultError(
            .collectionExists, "collection '\(collection.name)' has a vector field '\(field.name)' already")
        }
        guard collection.withFields.count < Self.fieldsMax else {
          throw MoultError(
            .invalidArgument, "collection '\(collection.name)' has \(Self.fieldsMax) vector fields, the most")
        }
        let made = try await resources.directory.write { [resources] db in
          // A reindex that has begun has its fields already.
          try self.ensureNoJob(on: collection, in: db)
          let catalog = resources.directory.catalog
          let made = try catalog.insertField(
            field, of: try catalog.collection(collection.id, in: db), isPartial: hasPoints, in: db)
          try catalog.record(
            HistoryEntry(
              action: .collectionCreated, name: made.collection.name, after: made.generation.label,
              requestedBy: requester), in: db)
          return made
        }
        let loader = CollectionLoader(
          directory: resources.directory, parallel: resources.background.parallelFor, logger: resources.logger
        )
        let part = try loader.empty(made.collection, generation: made.generation)
        collection.setFields(collection.fields + [part])
        aliases.publish { $0.collections[part.name] = part }
      }
    }
  }

  /// Removes a vector field with its vectors, codes and indexes. In the place of the first one comes a placeholder, and
  /// points need no vector in any.
  ///
  /// - Parameters:
  ///   - needsProof: whether one that was searched where none is named stays until what took its place is proven.
  ///   - force: in spite of that, and also while a model fills another field of the collection, which may be what takes its
  ///     place.
  /// - Throws: `collectionNotFound` (also for the field), `invalidArgument` for the one that is searched where none is
  ///   named, `switchInProgress`, `notProven`.
  package func dropVectorField(
    _ field: String, from name: String, needsProof: Bool = false, force: Bool = false
  ) async throws {
    try await names.run {
      let collection = try aliases.resolveReady(name)
      try Self.requireWhole(collection, name)
      if collection.textVectors.contains(where: { $0.name == field }) {
        return try await dropTextVector(field, from: collection)
      }
      let part = try aliases.resolve(FieldName.joined(collection.name, field))
      guard !part.hasPlaceholder else {
        throw MoultError(
          .collectionNotFound, "collection '\(collection.name)' has no vector field '\(field)'")
      }
      guard collection.searched !== part else {
        throw MoultError(
          .invalidArgument,
          "'\(field)' is what searches of '\(collection.name)' take where they name no field; let them take another one "
            + "first (`moult collections default \(collection.name) FIELD`)")
      }
      let successor = collection.fields.first {
        $0 !== part && resources.fieldEmbeddings.isBeingFilled($0.id) && resources.lacking($0) != nil
      }
      if !force, let successor {
        throw MoultError(
          .switchInProgress,
          "'\(field)' stays while another field is being filled (\(resources.lacking(successor) ?? "")): wait for that, "
            + "drop the other one, or say --force")
      }
      if needsProof, !force { try requireProvenSuccessor(ofField: part, of: collection) }
      guard part.parentID != nil else { return try await dropFirstField(of: collection) }
      let requester = Requester.name
      try await collection.holdingWriters {
        try await resources.directory.write { [resources] db in
          for one in [collection, part] { try self.ensureNoJob(on: one, in: db) }
          let catalog = resources.directory.catalog
          let live = try catalog.generation(part.snapshot.live.id, in: db)
          try catalog.deleteCollection(part.id, in: db)
          try catalog.record(
            HistoryEntry(
              action: .collectionDropped, name: part.name, before: live.label, requestedBy: requester), in: db
          )
        }
        collection.setFields(collection.fields.filter { $0.id != part.id })
        aliases.publish { $0.collections[part.name] = nil }
      }
      do { try resources.directory.removeFiles(ofCollection: part.id) } catch {
        resources.logger.warning("files of '\(part.name)' remain until the next start: \(error)")
      }
    }
  }

  static func requireWhole(_ collection: Collection, _ name: String) throws {
    guard collection.parentID == nil else {
      throw MoultError(.invalidArgument, "'\(name)' is one vector field; give the collection's name")
    }
  }

  static func check(_ field: VectorField, schema: CollectionSchema) throws {
    let own = Catalog.schema(of: field, in: schema)
    try check(own)
    try check(EncodingSpecification(index: field.index), schema: own)
    guard !PlaceholderField.names.contains(field.name) else {
      throw MoultError(
        .invalidArgument, "'\(field.name)' stands for no vector field; choose another name")
    }
    guard field.name != schema.vectorField else {
      throw MoultError(.invalidArgument, "two vector fields are called '\(field.name)'")
    }
  }
}
