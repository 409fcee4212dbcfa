import Foundation
import GRDB
package import Logging
import MoultCompute
package import MoultJobs
import MoultModel
package import MoultStorage
package import ServiceLifecycle

/// The verbs of the service: everything that a protocol or command can ask for.
///
/// One engine owns one data directory. All methods may be called from any task at the same time. A request
/// resolves its collection once and is answered by that one generation to the end.
package final class Engine: Sendable {
  let resources: EngineResources
  let aliases: AliasTable
  let access: AccessTable
  /// Held while names change: collections made and dropped, aliases moved. Taken before a collection's gate.
  let names: SerialGate

  /// The job worker and rescuer; run them beside the listeners.
  package let backgroundServices: [any Service]

  private init(
    resources: EngineResources, aliases: AliasTable, names: SerialGate, access: AccessTable,
    backgroundServices: [any Service]
  ) {
    self.access = access
    self.resources = resources
    self.aliases = aliases
    self.names = names
    self.backgroundServices = backgroundServices
  }

  /// Opens (or makes) a data directory and loads every collection.
  ///
  /// What a crash left unfinished is taken up (jobs) or swept (files that nothing names, generations and
  /// collections that no unfinished job will complete).
  ///
  /// - Throws: `dataDirectoryInUse`, `unsupportedVersion`, `corrupted`, `diskFull`.
  package static func open(
    _ configuration: EngineConfiguration, logger: Logger, fileSystem: any FileSystem = POSIXFileSystem(),
    clock: JobClock = .system
  ) async throws -> Engine {
    let directory = try DataDirectory(
      path: configuration.dataDirectory, fileSystem: fileSystem, catalog: Catalog(now: clock.now),
      // Searches of multivectors hold one each while they compare: others are left to everything else.
      readers: searchThreadCount(configuration) + 8, writeRunner: ComputePool.unyielding)
    do {
      return try await open(directory, configuration: configuration, logger: logger, clock: clock)
    } catch {
      directory.close()
      throw MoultError.translating(error, path: directory.databasePath)
    }
  }

  /// Says where batch work runs, and has the log told when that changes.
  private static func announce(_ device: DeviceSelection, _ logger: Logger) {
    device.device?.observe { logger.warning("\($0)") }
    logger.log(
      level: device.isProblem ? .warning : device.choice == .cpu ? .debug : .info, "\(device.summary)")
  }

  /// As many searches run at once.
  private static func searchThreadCount(_ configuration: EngineConfiguration) -> Int {
    configuration.computeThreads > 0
      ? configuration.computeThreads : ProcessInfo.processInfo.activeProcessorCount
  }

  private static func open(
    _ directory: DataDirectory, configuration: EngineConfiguration, logger: Logger, clock: JobClock
  ) async throws -> Engine {
    var migrator = DatabaseMigrator()
    JobQueue.registerMigrations(in: &migrator)
    JobQueries.registerMigrations(in: &migrator)
    Catalog.registerDatabaseMigrations(in: &migrator)
    Catalog.registerAccessMigrations(in: &migrator)
    Catalog.registerEmbedderMigrations(in: &migrator)
    Catalog.registerCutOverMigrations(in: &migrator)
    Catalog.registerFieldEmbeddingMigrations(in: &migrator)
    try migrator.migrate(directory.database)
    let queue = JobQueue(database: directory.database, clock: clock, writeRunner: ComputePool.unyielding)
    // The directory is ours alone, so whoever held a lease is dead.
    _ = try queue.releaseLeasesOfDeadProcesses()
    try UnfinishedWork.remove(from: directory, queue: queue, logger: logger)
    let orphans = try directory.sweepOrphans()
    if !orphans.isEmpty { logger.notice("removed \(orphans.count) unfinished files") }

    announce(configuration.device, logger)
    let threads = searchThreadCount(configuration)
    let resources = EngineResources(
      configuration: configuration, directory: directory, queue: queue,
      searching: ComputePool(name: "search", threadCount: threads),
      admission: SearchAdmission(atOnce: threads, queuedMax: configuration.queuedSearchesMax),
      writing: ComputePool(name: "write", threadCount: 2),
      syncing: ComputePool(name: "sync", threadCount: 2),
      background: ComputePool(
        name: "jobs", threadCount: threads, priority: .yielding, device: configuration.device),
      embeddings: EmbeddingCacheSlot(directory), logger: logger)
    let aliases = AliasTable()
    let names = SerialGate()
    try await resources.searching.run {
      let (collections, aliasRecords, databases) = try directory.read { db in
        (
          try directory.catalog.collections(in: db), try directory.catalog.aliases(in: db),
          try directory.catalog.databases(in: db)
        )
      }
      let loader = CollectionLoader(
        directory: directory, parallel: resources.searching.parallelFor, logger: logger)
      var opened: [Collection] = []
      var damaged: [String: MoultError] = [:]
      for record in collections {
        do { opened.append(try loader.load(record)) } catch let error as MoultError
          where error.code == .corrupted
        {
          // The others are served all the same.
          logger.error(
            "collection '\(record.name)' cannot be opened; `moult repair` may help: \(error.message)")
          damaged[record.name] = error
        }
      }
      // A collection is written and read with all its fields.
      for record in collections where damaged[record.name] != nil {
        guard let parent = record.parentID, let whole = collections.first(where: { $0.id == parent }) else {
          continue
        }
        damaged[whole.name] = damaged[whole.name] ?? damaged[record.name]
      }
      let unusable = Set(collections.lazy.filter { damaged[$0.name] != nil }.map(\.id))
      opened.removeAll { unusable.contains($0.parentID ?? $0.id) }
      damaged = damaged.filter { FieldName.split($0.key) == nil }
      Collection.join(opened)
      aliases.publish { [opened, damaged] map in
        for collection in opened { map.collections[collection.name] = collection }
        map.damaged = damaged
        for database in databases { map.databases[database.name] = database }
        for alias in aliasRecords {
          map.aliases[alias.name] = collections.first { $0.id == alias.collectionID }?.name
        }
      }
      for collection in opened { resources.prepare(collection) }
    }
    let (embedders, embedderNames, filled) = try await directory.read { db in
      let catalog = directory.catalog
      return (
        try catalog.embedders(in: db), try catalog.embedderNames(in: db), try catalog.fieldEmbeddings(in: db)
      )
    }
    resources.embedders.load(embedders, names: embedderNames)
    try resources.fieldEmbeddings.load(filled)
    // What was written just before the last stop may have no job yet.
    try await resources.writing.run {
      for collection in aliases.current.collections.values { resources.followTexts(of: collection) }
    }
    var registry = JobRegistry()
    EngineJobs(resources: resources, aliases: aliases, names: names).register(in: &registry)
    let accessList =
      try await directory.read { db in try directory.catalog.accessList(in: db) } ?? AccessList()
    let embeddingKinds: Set<String> = [ReindexJob.embeddingKind, FieldEmbeddingJob.kind]
    return Engine(
      resources: resources, aliases: aliases, names: names, access: AccessTable(accessList),
      backgroundServices: [
        JobRescuer(queue: queue, logger: logger),
        JobRoomKeeper(queue: queue, logger: logger) {
          Int64(try directory.fileSystem.freeBytes(at: directory.path))
        },
        GenerationKeeper(resources: resources, aliases: aliases, clock: clock),
        JobWorker(
          queue: queue, registry: registry, configuration: .init(kinds: .except(embeddingKinds)),
          logger: logger),
        // It waits for a model most of the time, for hours perhaps, and keeps no other job waiting.
        JobWorker(
          queue: queue, registry: registry, configuration: .init(kinds: .only(embeddingKinds)),
          logger: logger),
      ])
  }

  /// Waits for writes in progress, then closes files. Nothing may be asked of the engine afterwards.
  package func close() async {
    await names.run {
      for collection in aliases.current.collections.values { await collection.writers.run {} }
    }
    resources.bulk.close()
    resources.embeddings.close()
    resources.directory.close()
    resources.searching.close()
    resources.writing.close()
    resources.syncing.close()
    resources.background.close()
    access.passwords.close()
  }
}
