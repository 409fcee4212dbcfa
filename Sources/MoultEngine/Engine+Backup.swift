import GRDB
import Logging
package import MoultModel
import MoultStorage

extension Engine {
  // MARK: Backup

  /// Begins a backup of one state of the data directory: all that was acknowledged before is in it, with aliases, and
  /// with the generations that answer or can be rolled back to. Nobody waits for it.
  ///
  /// - Parameter names: of collections, or aliases that stand for them; empty for all.
  /// - Throws: `collectionNotFound`, `collectionNotReady`, `corrupted`, `diskFull`.
  package func startBackup(of names: [String] = []) async throws -> RunningBackup {
    let map = aliases.current
    let own = try names.map { try map.ready($0).name }
    guard let slot = resources.backupSlots.take() else {
      throw MoultError(
        .overloaded,
        "\(BackupSlots.count) backups are being read, each of which holds files and the database's log; try again when one has ended"
      )
    }
    let pool = ComputePool(name: "backup", threadCount: 1)
    do {
      return try await pool.run { [resources] in
        RunningBackup(
          try BackupSource.pinned(resources.directory, collections: own.isEmpty ? nil : Set(own)), pool: pool,
          slot: slot)
      }
    } catch {
      pool.close()
      throw error
    }
  }

  // MARK: Restore

  /// Puts collections of a backup in. All of them appear in one instant, with their aliases, or nothing does.
  ///
  /// - Parameter chunks: the backup's bytes.
  /// - Throws: `corrupted` naming entry and place, `unsupportedVersion`, `collectionNotFound` (in the backup),
  ///   `collectionExists`, `nameConflict`, `aliasExists`, `switchInProgress` (of what would be replaced),
  ///   `invalidArgument`, `diskFull`; what `chunks` throws. Nothing was changed then.
  package func restore<Chunks: AsyncSequence>(
    _ chunks: Chunks, _ request: RestoreRequest = RestoreRequest()
  ) async throws -> RestoreReport where Chunks.Element == [UInt8] {
    let pool = ComputePool(name: "restore", threadCount: 1)
    defer { pool.close() }
    let restore = RunningRestore(
      BackupTarget(resources.directory) { [aliases] manifest in
        try RestorePlan(manifest, request, aliases.current).names
      })
    do {
      var waiting: [UInt8] = []
      for try await chunk in chunks {
        waiting += chunk
        guard waiting.count >= 1 << 20 else { continue }
        try await pool.run { [waiting] in try restore.read(waiting) }
        waiting.removeAll(keepingCapacity: true)
      }
      let loaded = try await pool.run { [waiting, resources] in
        try restore.read(waiting)
        return try restore.finish(
          CollectionLoader(
            directory: resources.directory, parallel: resources.searching.parallelFor,
            logger: resources.logger))
      }
      return try await publish(loaded, of: restore.target.manifest, request)
    } catch {
      do { try await pool.run { try restore.target.discard() } } catch {
        resources.logger.warning("what a restore left behind remains until the next start: \(error)")
      }
      throw error
    }
  }

  private func publish(
    _ loaded: [RunningRestore.Loaded], of manifest: BackupManifest, _ request: RestoreRequest
  ) async throws -> RestoreReport {
    let requester = Requester.name
    let (report, obsolete) = try await names.run {
      try await resources.embedders.gate.run {
        try await self.publish(loaded, of: manifest, request, requester: requester)
      }
    }
    for id in obsolete {
      do { try resources.directory.removeFiles(ofCollection: id) } catch {
        resources.logger.warning("files of a replaced collection remain until the next start: \(error)")
      }
    }
    try? await resources.writing.run { [resources] in
      for (_, collection) in loaded {
        resources.prepare(collection)
        do { try TextVectorJob.goOn(with: collection, in: resources) } catch {
          resources.logger.warning(
            "'\(collection.name)' lacks sparse vectors of texts; ask for them again: \(error)")
        }
      }
    }
    return report
  }

  /// Under the gates of names and of embedders.
  private func publish(
    _ loaded: [RunningRestore.Loaded], of manifest: BackupManifest, _ request: RestoreRequest,
    requester: String?
  ) async throws -> (RestoreReport, obsolete: [Int64]) {
    let map = aliases.current
    let plan = try RestorePlan(manifest, request, map)
    let replaced = loaded.compactMap { map.collections[$0.collection.name] }
      .filter { $0.parentID == nil }.flatMap { [$0] + $0.fields }.sorted { $0.id < $1.id }
    // Whoever waits to write to a collection that is replaced finds the new one.
    return try await Collection.holdingWriters(of: replaced[...]) {
      let (obsolete, databases, models) = try await resources.directory.write { db in
        let databases = try self.insertDatabases(of: loaded.map(\.collection.name), in: db)
        let obsolete = try self.commit(loaded, plan, replaced, requester: requester, in: db)
        return (obsolete, databases, try self.insertEmbedders(of: loaded, manifest, in: db))
      }
      for embedder in models.made { resources.embedders.insert(embedder) }
      for (id, name) in models.names { resources.embedders.set(name, ofCollection: id) }
      aliases.publish { map in
        for database in databases { map.databases[database.name] = database }
        for old in replaced { map.collections[old.name] = nil }
        for (_, collection) in loaded {
          map.collections[collection.name] = collection
          map.damaged[collection.name] = nil
        }
        for (alias, collection) in plan.aliases { map.aliases[alias] = collection }
      }
      return (
        RestoreReport(
          collections: loaded.filter { $0.collection.parentID == nil }.map { restored, collection in
            .init(
              name: collection.name, source: restored.source, rows: collection.snapshot.liveCount,
              sequence: restored.sequence, generation: collection.snapshot.live.id,
              replaced: map.collections[collection.name] != nil || map.damaged[collection.name] != nil)
          }, aliases: Self.changes(plan, map)), obsolete
      )
    }
  }

  /// A backup brings the models of its collections along. Where another one has the name here, it is not known of the
  /// collection which model made its vectors.
  private func insertEmbedders(
    of loaded: [RunningRestore.Loaded], _ manifest: BackupManifest, in db: Database
  ) throws -> (made: [Embedder], names: [Int64: String]) {
    let catalog = resources.directory.catalog
    var made: [Embedder] = []
    var names: [Int64: String] = [:]
    var present = Dictionary(uniqueKeysWithValues: try catalog.embedders(in: db).map { ($0.name, $0) })
    for (restored, collection) in loaded {
      let name = manifest.collections.first { $0.name == restored.source }?.embedder
      guard let name, let embedder = manifest.embedders?.first(where: { $0.name == name }) else { continue }
      if present[name] == nil {
        try catalog.insertEmbedder(embedder, in: db)
        present[name] = embedder
        made.append(embedder)
      }
      guard present[name]?.embedsAs(embedder) == true else {
        resources.logger.warning(
          "embedder '\(name)' of the backup is another one here: '\(collection.name)' takes no texts until `moult embedder bind`"
        )
        continue
      }
      try catalog.setEmbedder(name, of: collection.id, in: db)
      names[collection.id] = name
    }
    return (made, names)
  }

  /// A backup brings its collections' databases along, if nothing of what they were said to be.
  private func insertDatabases(of names: [String], in db: Database) throws -> [DatabaseInfo] {
    let catalog = resources.directory.catalog
    let present = Set(try catalog.databases(in: db).map(\.name))
    let missing = Set(names.map { Name.parts(of: $0).database }).subtracting(present)
    return try missing.sorted().map { try catalog.insertDatabase($0, properties: [], in: db) }
  }

  /// What becomes of which alias, by name.
  private static func changes(_ plan: RestorePlan, _ map: AliasTable.Map) -> [AliasChange] {
    plan.aliases.sorted { $0.key < $1.key }
      .map { AliasChange(alias: $0.key, before: map.aliases[$0.key], after: $0.value) }
      .filter { $0.before != $0.after }
  }

  /// - Returns: collections whose files can go.
  private func commit(
    _ loaded: [RunningRestore.Loaded], _ plan: RestorePlan, _ replaced: [Collection], requester: String?,
    in db: Database
  ) throws -> [Int64] {
    let catalog = resources.directory.catalog
    var obsolete: [Int64] = []
    for (restored, collection) in loaded {
      guard collection.parentID == nil else {
        // Its collection has given it its name.
        try catalog.setCollectionState(.live, of: restored.record.id, in: db)
        continue
      }
      var before: String?
      if let present = try catalog.collection(named: collection.name, in: db) {
        for open in replaced where open.id == present.id || open.parentID == present.id {
          try ensureNoJob(on: open, in: db)
        }
        before = try catalog.generation(present.currentGeneration, in: db).label
        try catalog.moveAliases(of: present.id, to: restored.record.id, in: db)
        obsolete += try catalog.deleteCollection(present.id, in: db)
      }
      try catalog.publish(restored.record.id, as: collection.name, in: db)
      let live = try catalog.generation(collection.snapshot.live.id, in: db)
      try catalog.record(
        HistoryEntry(
          action: .collectionRestored, name: collection.name, before: before, after: live.label,
          requestedBy: requester), in: db)
    }
    let ids = Dictionary(uniqueKeysWithValues: loaded.map { ($0.collection.name, $0.collection.id) })
    for change in Self.changes(plan, aliases.current) {
      guard let target = change.after, let id = ids[target] else { continue }
      try catalog.setAlias(change.alias, to: id, in: db)
      try catalog.record(
        HistoryEntry(
          action: change.before == nil ? .aliasCreated : .aliasMoved, name: change.alias,
          before: change.before,
          after: target, requestedBy: requester), in: db)
    }
    return obsolete
  }
}
