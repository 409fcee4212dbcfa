import GRDB
import MoultCompute
import MoultJobs
package import MoultModel
import MoultStorage

// What a collection is called and how it is defined, changed while it is there.
extension Engine {
  /// Gives a collection another name; its aliases follow.
  ///
  /// - Throws: `collectionNotFound`, `invalidArgument` when `name` is an alias, `collectionExists`, `nameConflict`
  ///   (an alias has the new name), `databaseNotFound`, `collectionHasAliases` (of one that goes to another database),
  ///   `switchInProgress`.
  package func renameCollection(_ name: String, to newName: String) async throws {
    try Name.validateQualified(newName, what: "collection")
    try await names.run {
      let map = aliases.current
      if let target = map.aliases[name] {
        throw MoultError(
          .invalidArgument, "'\(name)' is an alias of '\(target)'; rename the collection by its own name")
      }
      guard let collection = map.collections[name], collection.parentID == nil else {
        throw MoultError(.collectionNotFound, "there is no collection '\(name)'")
      }
      let pointing = map.aliases(of: name)
      guard pointing.isEmpty || Name.parts(of: name).database == Name.parts(of: newName).database else {
        throw MoultError(
          .collectionHasAliases,
          "aliases belong to the database of their collection, and '\(name)' has some "
            + "(\(pointing.joined(separator: ", "))): drop them before it goes to another")
      }
      try await collection.holdingWriters {
        try await resources.writing.run { [resources] in
          try resources.directory.write { db in
            for part in collection.withFields { try self.ensureNoJob(on: part, in: db) }
            try resources.directory.catalog.rename(collection.id, to: newName, in: db)
          }
        }
        aliases.publish { map in
          for part in collection.withFields { map.collections[part.name] = nil }
          collection.rename(to: newName)
          for part in collection.withFields { map.collections[part.name] = part }
          for alias in map.aliases(of: name) { map.aliases[alias] = newName }
        }
      }
    }
  }

  /// Replaces what protocols keep about a collection.
  ///
  /// - Parameter change: gets the present text and gives the next one. It runs under the gate of names.
  /// - Throws: `collectionNotFound`; what `change` throws.
  package func annotate(
    _ name: String, _ change: @Sendable (CollectionInfo) throws -> String?
  ) async throws {
    try await names.run {
      let collection = try aliases.resolve(name)
      let annotations = try change(collection.info(aliases: []))
      try await resources.setSchema(of: collection) { $0.annotations = annotations }
    }
  }

  /// Lets another vector field be searched where a search names none: from one request to the next, and back as quickly.
  /// Vectors are written by their fields' names as before.
  ///
  /// - Parameter field: the collection's first one is the default of a new collection, as long as it has one.
  /// - Throws: `collectionNotFound` (also for the field), `invalidArgument`; `collectionNotReady` for a field that is
  ///   still being filled, unless `allowsPartial`.
  package func setSearchField(
    _ field: String, of name: String, allowsPartial: Bool = false
  ) async throws -> CollectionInfo {
    try await names.run {
      let collection = try aliases.resolveReady(name)
      try Self.requireWhole(collection, name)
      let part = try aliases.resolve(FieldName.joined(collection.name, field))
      if !allowsPartial { try resources.requireFilled(part) }
      let (before, after) = (collection.searched.schema.vectorField, part.schema.vectorField)
      guard before != after else { return }
      let requester = Requester.name
      try await resources.setSchema(of: collection) {
        $0.searchField = part.parentID == nil ? nil : field
      } also: { [resources] db in
        try resources.directory.catalog.record(
          HistoryEntry(
            action: .defaultFieldMoved, name: collection.name, before: before, after: after,
            requestedBy: requester), in: db)
      }
    }
    return try describeCollection(name)
  }

  /// Gives a collection that has learned nothing from its vectors another metric or index, at once: full precision
  /// fits every metric, and graphs are built in the background as those of new segments are.
  ///
  /// - Throws: `unsupported` when there are codes, or a generation to go back to: that takes a switch, and a
  ///   metric a new collection. `switchInProgress`, `collectionNotFound`.
  package func redefine(
    _ name: String, metric: Metric, index: IndexSpecification
  ) async throws {
    try await names.run {
      let collection = try aliases.resolveReady(name)
      let live = collection.snapshot.live
      if collection.schema.metric == metric, live.specification.index == index { return }
      let schema = { schema in
        var schema = schema
        schema.metric = metric
        return schema
      }(collection.info(aliases: []).schema)
      let specification = { specification in
        var specification = specification
        specification.index = index
        return specification
      }(live.specification)
      try Self.check(specification, schema: schema)
      let parent = aliases.current.parent(of: collection)
      try await (parent ?? collection).holdingWriters {
        let snapshot = collection.snapshot
        guard specification.isIdentity, snapshot.previous == nil, snapshot.building == nil,
          snapshot.live.indexes.isEmpty
        else {
          throw MoultError(
            .unsupported,
            "collection '\(collection.name)' has been switched to another form; its metric stays. Make a new "
              + "collection with the other metric, copy the points and move an alias to it")
        }
        let record = try await resources.writing.run { [resources, schema, specification] in
          try resources.directory.write { db in
            guard try resources.queue.unfinished(subject: collection.name, in: db).isEmpty else {
              throw MoultError(
                .switchInProgress,
                "a job is at work on collection '\(collection.name)'; wait for it or cancel it first")
            }
            if let parent { try self.ensureNoJob(on: parent, in: db) }
            try resources.directory.catalog.setSchema(schema, of: collection.id, in: db)
            try resources.directory.catalog.setSpecification(specification, ofGeneration: live.id, in: db)
            return try resources.directory.catalog.collection(collection.id, in: db)
          }
        }
        // Opened again, as after a restart: whatever holds the metric is made anew.
        let fresh: Collection
        do {
          fresh = try await resources.searching.run { [resources] in
            try CollectionLoader(
              directory: resources.directory, parallel: resources.searching.parallelFor,
              logger: resources.logger
            ).load(record)
          }
        } catch {
          // The new definition is durable: answers by the old one would be wrong.
          let whole = parent ?? collection
          let damage = MoultError(
            .unavailable,
            "collection '\(whole.name)' could not be opened with its new definition; restart the server: \(error)"
          )
          aliases.publish { map in
            for part in whole.withFields { map.collections[part.name] = nil }
            map.damaged[whole.name] = damage
          }
          throw damage
        }
        fresh.setFields(collection.fields)
        parent?.setFields(parent!.fields.filter { $0.id != fresh.id } + [fresh])
        aliases.publish { $0.collections[fresh.name] = fresh }
        IndexJob.enqueueIfNeeded(for: fresh, in: resources)
      }
    }
  }
}

extension EngineResources {
  /// Changes what of a schema may change while the collection is open. Under the gate of names.
  ///
  /// - Parameter also: done in the same transaction.
  func setSchema<Value: Sendable>(
    of collection: Collection, _ change: (inout CollectionSchema) -> Void,
    also: @escaping @Sendable (Database) throws -> Value
  ) async throws -> Value {
    let old = collection.info(aliases: []).schema
    var new = old
    change(&new)
    let schema = new
    let value = try await directory.write { db in
      if schema != old { try directory.catalog.setSchema(schema, of: collection.id, in: db) }
      return try also(db)
    }
    collection.redefine(as: schema)
    return value
  }

  func setSchema(of collection: Collection, _ change: (inout CollectionSchema) -> Void) async throws {
    try await setSchema(of: collection, change) { _ in }
  }
}
