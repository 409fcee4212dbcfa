import Foundation
import GRDB
package import Logging
import MoultCompute
import MoultJobs
import MoultModel
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

  /// - Throws: `dataDirectoryInUse`, `unsupportedVersion`; `corrupted` when the database itself is damaged, which only
  ///   a copy of it can mend; `diskFull`. What goes wrong once a form is gone, or while things are built anew, is told
  ///   by `remaining`, so that the report is not lost.
  package func run() async throws -> RepairReport {
    var report = RepairReport()
    var lostForms: [LostForm] = []
    var faults: [String] = []
    do { try mend(&report, &lostForms) } catch {
      // Once a form is gone from the catalog, the report is the only place that names it.
      guard !lostForms.isEmpty else { throw error }
      faults.append("not all was mended: \(text(error))")
    }
    if report.found.isEmpty { return report }
    do { try await rebuild(lostForms, &report) } catch {
      faults.append("not all was built anew: \(text(error))")
    }
    let directory = try DataDirectory(path: configuration.dataDirectory)
    defer { directory.close() }
    let remaining = directory.check(deep: true).problems
    report.remaining = remaining.map { "\($0.path): \($0.message)" } + faults
    report.rebuilt.removeAll { path in remaining.contains { $0.path == path } }
    return report
  }

  // MARK: Mending

  /// A collection whose live encoder is gone, and the form that it had.
  private struct LostForm {
    var collection: String
    var specification: EncodingSpecification

    /// As JSON, which is how requests name it.
    var form: String {
      let encoder = JSONEncoder()
      encoder.outputFormatting = .sortedKeys
      guard let data = try? encoder.encode(specification) else { return "\(specification)" }
      return String(decoding: data, as: UTF8.self)
    }
  }

  private func text(_ error: any Error) -> String { (error as? MoultError)?.message ?? "\(error)" }

  /// - Parameter lostForms: gets the forms that a switch has to give back, also when this throws.
  private func mend(_ report: inout RepairReport, _ lostForms: inout [LostForm]) throws {
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
    // Lists of rows first: they tell which points damaged vectors belong to.
    for file in files where file.kind == .rows {
      do {
        try directory.restoreRows(file)
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
      try mendEncoder(file, of: collection, in: directory, &report, &lostForms)
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
    if collection.parentID == nil {
      try directory.restore(damaged)
    } else {
      try directory.restore(damaged, lostSide: withUnsafeBytes(of: CollectionWriter.absentNorm) { Array($0) })
      if !damaged.lostIDs.isEmpty {
        report.notes.append(
          "points of '\(collection.name)' that are named as lost have no vector in this field any more; they are there, with their other vectors"
        )
      }
    }
    report.rebuilt.append(file.path)
  }

  /// An encoder was learned from a sample that is gone, so another one is learned: codes of the old one mean nothing to
  /// it.
  ///
  /// - Parameter lostForms: gets the live generation's form, which a switch has to give back.
  private func mendEncoder(
    _ file: CatalogFile, of collection: CollectionRecord, in directory: DataDirectory,
    _ report: inout RepairReport, _ lostForms: inout [LostForm]
  ) throws {
    guard let id = file.generationID else { return }
    let catalog = directory.catalog
    let (form, files) = try directory.write { db -> (LostForm?, [String]) in
      // One that could be rolled back to may have gone together with the live one.
      guard let generation = try catalog.generations(of: collection.id, in: db).first(where: { $0.id == id })
      else { return (nil, []) }
      if generation.state == .building { return (nil, try catalog.forgetEncoder(of: id, in: db)) }
      guard try catalog.collection(collection.id, in: db).currentGeneration == id else {
        return (nil, try catalog.deleteGeneration(id, in: db))
      }
      // Full precision answers until the switch is done.
      let plain = try catalog.insertGeneration(
        collection: collection.id, specification: EncodingSpecification(), in: db)
      let swap = try catalog.publishGeneration(plain.id, of: collection.id, in: db)
      try catalog.record(
        HistoryEntry(
          action: .generationSwitched, name: collection.name, before: generation.label,
          after: swap.current.label, requestedBy: "moult repair"), in: db)
      var files = try catalog.deleteGeneration(id, in: db)
      for old in swap.superseded where old.id != id {
        files += try catalog.deleteGeneration(old.id, in: db)
      }
      return (LostForm(collection: collection.name, specification: generation.specification), files)
    }
    if let form { lostForms.append(form) }
    report.notes.append(
      form == nil
        ? "generation \(id) of '\(collection.name)' lost its encoder; it did not answer, and is gone or learned anew"
        : "generation \(id) of '\(collection.name)' lost its encoder; a new one of the same form is to replace it"
    )
    try directory.removeFiles(files)
  }

  // MARK: Rebuilding

  private func rebuild(_ lostForms: [LostForm], _ report: inout RepairReport) async throws {
    let engine: Engine
    do { engine = try await Engine.open(configuration, logger: logger) } catch {
      for lost in lostForms { report.notes.append(note(of: lost, text(error))) }
      throw error
    }
    let setAside: [Int64]
    do { setAside = try engine.setAsideOrders() } catch {
      for lost in lostForms { report.notes.append(note(of: lost, text(error))) }
      await engine.close()
      throw error
    }
    let services = ServiceGroup(services: engine.backgroundServices, logger: logger)
    let running = Task { try await services.run() }
    for lost in lostForms {
      if let problem = await giveBack(lost, engine) { report.notes.append(note(of: lost, problem)) }
    }
    var failure: (any Error)?
    do {
      // Indexes that were forgotten, and merges.
      var left: Set<Int64> = []
      while let job = try engine.upkeep().first(where: { !left.contains($0.id) }) {
        if try await engine.finish(job.id) != nil { continue }
        left.insert(job.id)
        report.notes.append(
          "job \(job.id) (\(job.kind)) of '\(job.subject)' is paused, or waits behind a switch or reindex that is "
            + "paused or waits itself; until it has run, searches may take longer")
      }
    } catch { failure = error }
    await services.triggerGracefulShutdown()
    try? await running.value
    do { try engine.takeUp(setAside) } catch { failure = failure ?? error }
    await engine.close()
    if let failure { throw failure }
  }

  /// - Returns: what went wrong.
  private func giveBack(_ lost: LostForm, _ engine: Engine) async -> String? {
    do {
      let job = try await engine.startSwitch(
        lost.collection,
        SwitchRequest(specification: lost.specification, gate: RecallGateRequest(minimumRecall: 0)))
      guard let finished = try await engine.finish(job.id) else {
        return "job \(job.id), which is to give its form back, waits for a paused one"
      }
      if finished.state == .completed { return nil }
      return "job \(job.id), which was to give its form back, ended as \(finished.state.rawValue)"
    } catch {
      return text(error)
    }
  }

  private func note(of lost: LostForm, _ problem: String) -> String {
    "'\(lost.collection)' answers with full precision (\(problem)); ask for its form again with `moult switch` or the "
      + "API: \(lost.form)"
  }
}

extension Engine {
  /// Pauses switches and reindexes that people have ordered: a repair is no moment for them to go live. To be called
  /// before the worker starts. A crash leaves them paused, for a person to resume.
  ///
  /// - Returns: what `takeUp` has to resume.
  fileprivate func setAsideOrders() throws -> [Int64] {
    try resources.directory.write { db in
      let orders = try resources.queue.unfinished(in: db).filter {
        !Upkeep.kinds.contains($0.kind) && $0.state != .paused
      }
      for order in orders { try resources.queue.pause(order.id, in: db) }
      return orders.map(\.id)
    }
  }

  fileprivate func takeUp(_ orders: [Int64]) throws {
    try resources.directory.write { db in
      for id in orders { try resources.queue.resume(id, in: db) }
    }
  }

  /// Jobs of the upkeep that have not ended, oldest first.
  fileprivate func upkeep() throws -> [JobRecord] {
    try resources.queue.unfinished().filter { Upkeep.kinds.contains($0.kind) }
  }

  /// Follows a job to its end.
  ///
  /// - Returns: `nil` when it waits for a person: it is paused or held, or another job that is keeps the collection.
  fileprivate func finish(_ id: Int64) async throws -> JobInfo? {
    var seen = try job(id)
    while !seen.state.isFinal {
      let waits = try resources.queue.unfinished(subject: seen.subject).contains {
        ($0.state == .paused || $0.state == .held) && ($0.id == id || $0.startedAt != nil)
      }
      if waits { return nil }
      seen = try await waitForJob(id, changedSince: seen, seconds: 30)
    }
    return seen
  }
}
