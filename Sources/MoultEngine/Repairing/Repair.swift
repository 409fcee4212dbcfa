import GRDB
package import Logging
import MoultCompute
package import MoultModel
import MoultStorage
import ServiceLifecycle

/// Makes anew what is damaged and can be derived: codes, indexes, encoders and lists of rows. Of damaged
/// full-precision vectors it saves what is sound, and names the points that are lost.
///
/// Derived files are only forgotten here: opening the engine encodes what has no codes and orders what has no index,
/// as after a crash.
package struct Repair: Sendable {
  let configuration: EngineConfiguration
  let acceptsLoss: Bool
  let logger: Logger

  /// - Parameters:
  ///   - configuration: names the data directory; no server may be using it.
  ///   - acceptsLoss: deletes points whose vectors are gone. Without it such a file stays as it is.
  package init(_ configuration: EngineConfiguration, acceptsLoss: Bool, logger: Logger) {
    self.configuration = configuration
    self.acceptsLoss = acceptsLoss
    self.logger = logger
  }

  /// - Throws: `dataDirectoryInUse`, `unsupportedVersion`; `corrupted` when the database itself is damaged, which only a
  ///   copy of it can mend; `diskFull`.
  package func run() async throws -> RepairReport {
    var report = RepairReport()
    let switches = try mend(&report)
    if report.found.isEmpty { return report }
    try await rebuild(switches, &report)
    let directory = try DataDirectory(path: configuration.dataDirectory)
    defer { directory.close() }
    let remaining = directory.check(deep: true).problems
    report.remaining = remaining.map { "\($0.path): \($0.message)" }
    report.rebuilt.removeAll { path in remaining.contains { $0.path == path } }
    return report
  }

  // MARK: Mending

  /// A collection whose live encoder is gone, and the form that it had.
  private struct LostForm {
    var collection: String
    var specification: EncodingSpecification
  }

  private func mend(_ report: inout RepairReport) throws -> [LostForm] {
    let directory = try DataDirectory(path: configuration.dataDirectory)
    defer { directory.close() }
    let problems = directory.check(deep: true).problems
    report.found = problems.map { "\($0.path): \($0.message)" }
    if let damage = problems.first(where: { $0.file == nil }) {
      throw MoultError(
        .corrupted,
        "\(damage.path): \(damage.message). The catalog cannot be made anew: restore a copy of the data directory"
      )
    }
    let files = problems.compactMap(\.file)
    let collections = try directory.read { try directory.catalog.collections(in: $0) }
    func schema(_ file: CatalogFile) throws -> CollectionRecord {
      guard let collection = collections.first(where: { $0.id == file.identity.collectionID }) else {
        throw MoultError(.internalError, "the catalog has no collection number \(file.identity.collectionID)")
      }
      return collection
    }
    var lostForms: [LostForm] = []
    // Lists of rows first: they tell which points damaged vectors belong to.
    for file in files where file.kind == .rows {
      do {
        try directory.restoreRows(file, keyKind: try schema(file).schema.keyKind)
        report.rebuilt.append(file.path)
      } catch let error as MoultError where error.code == .corrupted {
        report.notes.append(error.message)
      }
    }
    for file in files where file.kind == .vectors {
      try mendVectors(file, of: try schema(file), in: directory, &report)
    }
    for file in files where file.kind == .encoder {
      let collection = try schema(file)
      if let lost = try mendEncoder(file, of: collection, in: directory, &report) { lostForms.append(lost) }
    }
    for file in files where file.kind == .codes || file.kind.isIndex {
      guard let generation = file.generationID else { continue }
      try directory.write { db in
        let segment = file.identity.segmentID
        if file.kind == .codes {
          try directory.catalog.forgetCodes(generation: generation, segment: segment, in: db)
        } else {
          try directory.catalog.forgetIndex(generation: generation, segment: segment, in: db)
        }
      }
      try directory.removeFiles([file.path])
      report.rebuilt.append(file.path)
    }
    return lostForms
  }

  private func mendVectors(
    _ file: CatalogFile, of collection: CollectionRecord, in directory: DataDirectory,
    _ report: inout RepairReport
  ) throws {
    let encoder = VectorEncoder.identity(
      dimension: collection.schema.dimension, metric: collection.schema.metric)
    let damaged: DamagedVectors
    do {
      damaged = try directory.examine(
        file, schema: collection.schema,
        shape: VectorShape(rowStride: encoder.rowBytes, sideStride: encoder.sideBytes))
    } catch let error as MoultError where error.code == .corrupted {
      report.notes.append(error.message)
      return
    }
    if !damaged.lostIDs.isEmpty {
      report.lost.append(
        .init(
          collection: collection.name, file: file.path, ids: damaged.lostIDs.map(\.description),
          accepted: acceptsLoss))
      guard acceptsLoss else { return }
    }
    try directory.restore(damaged)
    report.rebuilt.append(file.path)
  }

  /// An encoder was learned from a sample that is gone, so another one is learned: codes of the old one mean nothing to
  /// it.
  ///
  /// - Returns: the live generation's form, which a switch has to give back.
  private func mendEncoder(
    _ file: CatalogFile, of collection: CollectionRecord, in directory: DataDirectory,
    _ report: inout RepairReport
  ) throws -> LostForm? {
    guard let id = file.generationID else { return nil }
    let catalog = directory.catalog
    let (form, files) = try directory.write { db -> (LostForm?, [String]) in
      let generation = try catalog.generation(id, in: db)
      if generation.state == .building { return (nil, try catalog.forgetEncoder(of: id, in: db)) }
      guard try catalog.collection(collection.id, in: db).currentGeneration == id else {
        return (nil, try catalog.deleteGeneration(id, in: db))
      }
      // Full precision answers until the switch is done.
      let plain = try catalog.insertGeneration(
        collection: collection.id, specification: EncodingSpecification(), in: db)
      let swap = try catalog.publishGeneration(plain.id, of: collection.id, in: db)
      var files = try catalog.deleteGeneration(id, in: db)
      for old in swap.superseded where old.id != id {
        files += try catalog.deleteGeneration(old.id, in: db)
      }
      return (LostForm(collection: collection.name, specification: generation.specification), files)
    }
    try directory.removeFiles(files)
    report.notes.append(
      form == nil
        ? "generation \(id) of '\(collection.name)' lost its encoder; it did not answer, and is gone or learned anew"
        : "generation \(id) of '\(collection.name)' lost its encoder; a new generation of the same form replaces it"
    )
    return form
  }

  // MARK: Rebuilding

  private func rebuild(_ lostForms: [LostForm], _ report: inout RepairReport) async throws {
    let engine = try await Engine.open(configuration, logger: logger)
    let services = ServiceGroup(services: engine.backgroundServices, logger: logger)
    let running = Task { try await services.run() }
    var failure: (any Error)?
    do {
      for form in lostForms {
        let job = try await engine.startSwitch(
          form.collection,
          SwitchRequest(specification: form.specification, gate: RecallGateRequest(minimumRecall: 0)))
        let finished = try await engine.finish(job)
        if finished.state != .completed {
          report.notes.append(
            "'\(form.collection)' answers with full precision: job \(job.id), which was to give its form back, "
              + "ended as \(finished.state.rawValue)")
        }
      }
      // Indexes that were forgotten, and whatever else waits.
      while let job = try engine.jobs(limit: 10_000).first(where: { !$0.state.isFinal }) {
        _ = try await engine.finish(job)
      }
    } catch { failure = error }
    await services.triggerGracefulShutdown()
    try? await running.value
    await engine.close()
    if let failure { throw failure }
  }
}

extension Engine {
  /// Follows a job to its end.
  fileprivate func finish(_ job: JobInfo) async throws -> JobInfo {
    var seen = job
    while !seen.state.isFinal { seen = try await waitForJob(job.id, changedSince: seen, seconds: 30) }
    return seen
  }
}
