import Foundation
import GRDB
import Logging
import MoultCompute
import MoultJobs
package import MoultModel
import MoultStorage

extension Engine {
  /// Makes an empty collection that answers at once.
  ///
  /// A quantization or transform is learned from data, so a new collection has none; `specification` may
  /// choose the index.
  ///
  /// - Throws: `invalidArgument`, `collectionExists`, `nameConflict` (an alias has the name).
  package func createCollection(
    _ name: String, schema: CollectionSchema, specification: EncodingSpecification = EncodingSpecification(),
    fields: [VectorField] = []
  ) async throws -> CollectionInfo {
    try Name.validateQualified(name, what: "collection")
    try Self.check(schema)
    try Self.check(specification, schema: schema)
    for field in fields { try Self.check(field, schema: schema) }
    guard Set(fields.map(\.name)).count == fields.count, fields.count < Self.fieldsMax else {
      throw MoultError(
        .invalidArgument,
        "a collection takes \(Self.fieldsMax) vector fields of different names, got "
          + ([schema.vectorField] + fields.map(\.name)).joined(separator: ", "))
    }
    guard specification.isIdentity else {
      throw MoultError(
        .invalidArgument,
        "a new collection is empty, and \(specification.quantization.rawValue) with transform "
          + "\(specification.transform.rawValue) is learned from its vectors; create it without, import, then switch"
      )
    }
    return try await names.run {
      let requester = Requester.name
      let (record, generation, parts) = try await resources.directory.write { [resources] db in
        let made = try resources.directory.catalog.insertCollection(
          name: name, schema: schema, specification: specification, in: db)
        try resources.directory.catalog.record(
          HistoryEntry(
            action: .collectionCreated, name: name, after: made.generation.label, requestedBy: requester),
          in: db)
        let parts = try fields.map {
          try resources.directory.catalog.insertField($0, of: made.collection, in: db)
        }
        return (made.collection, made.generation, parts)
      }
      let loader = CollectionLoader(
        directory: resources.directory, parallel: resources.background.parallelFor, logger: resources.logger)
      let collection = try loader.empty(record, generation: generation)
      collection.setFields(try parts.map { try loader.empty($0.collection, generation: $0.generation) })
      aliases.publish { map in
        for part in collection.withFields { map.collections[part.name] = part }
      }
      return collection.info(aliases: [])
    }
  }

  static func check(_ schema: CollectionSchema) throws {
    guard CollectionSchema.dimensionRange.contains(schema.dimension) else {
      throw MoultError(
        .invalidArgument,
        "dimension must be in \(CollectionSchema.dimensionRange.lowerBound) … "
          + "\(CollectionSchema.dimensionRange.upperBound), got \(schema.dimension)")
    }
    for (field, value) in [("keyField", schema.keyField), ("vectorField", schema.vectorField)] {
      try Name.validate(value, what: field)
    }
    guard schema.keyField != schema.vectorField else {
      throw MoultError(
        .invalidArgument, "keyField and vectorField must differ; both are '\(schema.keyField)'")
    }
    guard schema.summary.utf8.count <= 1024 else {
      throw MoultError(
        .invalidArgument, "summary must be at most 1024 bytes, got \(schema.summary.utf8.count)")
    }
  }

  /// By name or alias. - Throws: `collectionNotFound`.
  package func describeCollection(_ name: String) throws -> CollectionInfo {
    let map = aliases.current
    let collection = try map.opened(name)
    return collection.info(aliases: map.aliases(of: collection.name))
  }

  /// Sorted by name. Building ones (not `ready`) included.
  package func listCollections() throws -> [CollectionInfo] {
    let map = aliases.current
    return map.collections.values.filter { $0.parentID == nil }.map {
      $0.info(aliases: map.aliases(of: $0.name))
    }
    .sorted { $0.name < $1.name }
  }

  /// True for an alias as well.
  package func hasCollection(_ name: String) -> Bool {
    let map = aliases.current
    return map.collection(name) != nil || map.damaged[map.aliases[name] ?? name] != nil
  }

  /// - Parameter force: also when nothing shows that what has taken its place can stand for it.
  /// - Throws: `collectionNotFound`, `collectionHasAliases`, `invalidArgument` when `name` is an alias,
  ///   `switchInProgress`, `notProven`.
  package func dropCollection(_ name: String, force: Bool = true) async throws {
    try await names.run {
      let map = aliases.current
      if let target = map.aliases[name] {
        throw MoultError(
          .invalidArgument, "'\(name)' is an alias of '\(target)'; drop the collection by its own name")
      }
      if map.damaged[name] != nil { return try await dropDamaged(name, pointing: map.aliases(of: name)) }
      let collection = try map.opened(name)
      guard collection.parentID == nil, collection.name == name else {
        throw MoultError(.invalidArgument, "'\(name)' is one vector field; drop the field, or the collection")
      }
      let pointing = map.aliases(of: name)
      try Self.check(pointing, of: name)
      if !force { try requireProvenSuccessor(of: collection) }
      let requester = Requester.name
      let removed = try await collection.holdingWriters {
        let removed = try await resources.writing.run { [resources] in
          try resources.directory.write { db in
            for part in collection.withFields { try self.ensureNoJob(on: part, in: db) }
            let catalog = resources.directory.catalog
            let live = try catalog.generation(collection.snapshot.live.id, in: db)
            let removed = try catalog.deleteCollection(collection.id, in: db)
            try catalog.record(
              HistoryEntry(
                action: .collectionDropped, name: name, before: live.label, requestedBy: requester), in: db)
            return removed
          }
        }
        aliases.publish { map in
          for part in collection.withFields { map.collections[part.name] = nil }
        }
        for part in collection.withFields { resources.bulk.end(part.id) }
        return removed
      }
      // Requests that hold a snapshot keep their mappings; only the names of the files go.
      do {
        for id in removed { try resources.directory.removeFiles(ofCollection: id) }
      } catch {
        resources.logger.warning("files of '\(name)' remain until the next start: \(error)")
      }
    }
  }

  /// A collection that could not be opened is dropped by the catalog alone.
  private func dropDamaged(_ name: String, pointing: [String]) async throws {
    try Self.check(pointing, of: name)
    let requester = Requester.name
    let removed = try await resources.writing.run { [resources] in
      try resources.directory.write { db -> [Int64] in
        let catalog = resources.directory.catalog
        guard let record = try catalog.collections(in: db).first(where: { $0.name == name }) else {
          return []
        }
        let removed = try catalog.deleteCollection(record.id, in: db)
        try catalog.record(
          HistoryEntry(action: .collectionDropped, name: name, before: "damaged", requestedBy: requester),
          in: db)
        return removed
      }
    }
    aliases.publish { $0.damaged[name] = nil }
    do {
      for id in removed { try resources.directory.removeFiles(ofCollection: id) }
    } catch {
      resources.logger.warning("files of '\(name)' remain until the next start: \(error)")
    }
  }

  private static func check(_ pointing: [String], of name: String) throws {
    guard pointing.isEmpty else {
      throw MoultError(
        .collectionHasAliases,
        "collection '\(name)' has aliases (\(pointing.joined(separator: ", "))): drop or move them first")
    }
  }

  /// - Throws: `switchInProgress` when a job works on the collection, or makes it.
  func ensureNoJob(on collection: Collection, but after: [Int64] = [], in db: Database) throws {
    // Jobs that only add graphs or merge segments keep nobody from anything.
    let all = try resources.queue.unfinished(in: db)
    let unfinished = all.filter { !Upkeep.kinds.contains($0.kind) }
    // But for one that was paused half-way: it keeps the collection until it goes on.
    let paused = all.first {
      $0.subject == collection.name && $0.state == .paused && $0.startedAt != nil
        && Upkeep.kinds.contains($0.kind)
    }
    if let paused {
      throw MoultError(
        .switchInProgress,
        "job \(paused.id) (\(paused.kind)) of collection '\(collection.name)' was paused half-way; resume it "
          + "(`moult jobs resume \(paused.id)`) or cancel it first")
    }
    let own = unfinished.last { $0.subject == collection.name }
    // What is asked for waits for it, and so for those that it waits for itself.
    if let own, after.contains(own.id) { return }
    guard
      let job = own ?? (collection.isReady ? nil : unfinished.first { ReindexJob.kinds.contains($0.kind) })
    else {
      return
    }
    throw MoultError(
      .switchInProgress,
      "job \(job.id) (\(job.kind)) is at work on collection '\(collection.name)'; wait for it or cancel it first"
    )
  }

  /// Seals the newest rows where there are enough of them for a graph to be worth it; it is built in the background.
  ///
  /// - Throws: `collectionNotFound`, `diskFull`.
  package func sealSegments(of name: String) async throws {
    for part in try aliases.resolveReady(name).withFields { try await sealSegments(of: part) }
  }

  private func sealSegments(of collection: Collection) async throws {
    guard collection.snapshot.live.specification.index != .flat else { return }
    try await collection.writers.run { [resources, aliases] in
      // Who took its place while this waited has its own turn.
      guard aliases.current.collection(collection.name) === collection else { return }
      try await resources.writing.run {
        let writer = resources.writer(of: collection)
        guard try writer.sealGrowing(atLeast: IndexSpecification.automaticGraphRows) else { return }
        try writer.onSealed(collection)
      }
    }
  }

  /// Rows of sealed segments whose index is not there yet: until it is, they are scanned.
  ///
  /// - Throws: `collectionNotFound`.
  package func rowsWithoutIndex(of name: String) throws -> Int {
    let snapshot = try aliases.resolveReady(name).snapshot
    return snapshot.segments.lazy.filter(snapshot.live.lacksIndex).map(\.live.liveCount).reduce(0, +)
  }

  /// What jobs that merge segments are called.
  package static let mergeKind = MergeJob.kind

  /// Starts what merges of segments are due. They also start by themselves, so this is for the impatient.
  ///
  /// - Throws: `collectionNotFound`.
  package func mergeSegments(of name: String) throws {
    for part in try aliases.resolveReady(name).withFields {
      MergeJob.enqueueIfNeeded(for: part, in: resources)
    }
  }
}
