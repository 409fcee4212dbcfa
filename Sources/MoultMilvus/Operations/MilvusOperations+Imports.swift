internal import Foundation
internal import MoultEngine
internal import MoultModel

/// An import as it is described.
struct DescribedImport {
  var job: JobInfo
  /// The collection's name in the request's database.
  var collection: String
  var order: ImportOrder

  var importedRows: Int64 { job.progress.rowsDone }
  /// Rows of files are counted while they are read.
  var totalRows: Int64 { max(job.progress.rowsTotal, job.progress.rowsDone) }
  var reason: String { isAborted ? "aborted by user" : job.error ?? "" }
  /// What is asked to stop never takes effect, also where it has not stopped yet.
  var isAborted: Bool { job.state == .cancelled || (job.cancelRequested && !job.state.isFinal) }
  var waitsForCommit: Bool { order.waitsForCommit == true }

  var progress: Int {
    if job.state == .completed { return 100 }
    guard job.progress.rowsTotal > 0 else { return 0 }
    return Int(min(99, 100 * job.progress.rowsDone / job.progress.rowsTotal))
  }

  /// As REST says it.
  var state: String {
    if isAborted { return "Failed" }
    return switch job.state {
    case .completed: "Completed"
    case .failed, .cancelled: "Failed"
    case .held: job.heldUntil == nil ? "Committing" : "Uncommitted"
    case .available, .running, .retrying, .paused:
      if isCommitting {
        "Committing"
      } else {
        job.progress.phase == Engine.importStagedPhase ? "Uncommitted" : begunState
      }
    }
  }

  /// Whether it has been committed, or commits itself.
  private var isCommitting: Bool {
    waitsForCommit ? job.heldUntil == nil : job.progress.phase == Engine.importCommitPhase
  }

  private var begunState: String { job.state == .available ? "Pending" : "Importing" }
}

/// Imports of files that lie in a folder of the server's.
extension MilvusOperations {
  private static let filesMax = 1024

  /// - Returns: whether rows wait for a commit.
  /// - Throws: 2100 for what would change how rows are read.
  static func waitsForCommit(importOptions: [CollectionDefinition.Parameter]) throws -> Bool {
    var waits = false
    for option in importOptions {
      switch (option.key, option.value.lowercased()) {
      // A job takes as long as it takes.
      case ("timeout", _), ("skip_disk_quota_check", _): continue
      case ("auto_commit", "true"): waits = false
      case ("auto_commit", "false"): waits = true
      case ("backup", "false"), ("l0_import", "false"): continue
      default:
        throw MilvusError.importing(
          "option \(option.key.prefix(100))=\(option.value.prefix(100)) is not supported by this version of Moult"
        )
      }
    }
    return waits
  }

  /// - Parameters:
  ///   - files: sets of files.
  ///   - waitsForCommit: whether rows become visible when somebody commits them.
  /// - Returns: the number of the job.
  /// - Throws: 2100 for files that cannot be imported; nothing is begun then.
  func startImport(
    _ files: [[String]], into name: String, partition: String, waitsForCommit: Bool = false
  ) async throws -> Int64 {
    let collection = try describe(name)
    try checkPartitions([partition], of: collection)
    guard !files.isEmpty, !files.contains(where: \.isEmpty),
      files.reduce(0, { $0 + $1.count }) <= Self.filesMax
    else { throw MilvusError.importing("import request is empty, or has more than \(Self.filesMax) files") }
    var bytes = [Int64](repeating: 0, count: files.count)
    for (set, names) in files.enumerated() {
      for file in names {
        do { bytes[set] += imports.size(of: try imports.resolve(file)) } catch {
          throw MilvusError.importing(error.message)
        }
      }
    }
    let order = ImportOrder(
      files: files, partition: partition, fileBytes: bytes.reduce(0, +), setBytes: bytes,
      waitsForCommit: waitsForCommit)
    let text = String(decoding: try JSONEncoder().encode(order), as: UTF8.self)
    let id = try await engine.startImport(
      into: collection.info.name, order: text, waits: waitsForCommit
    ).id
    // A drop that came in between has not seen this job.
    do { try checkPartitions([partition], of: try describe(name)) } catch {
      _ = try? await engine.whole.cancelJob(id)
      throw error
    }
    return id
  }

  /// - Throws: 2100 for a job that is not there, is none of this database, or is no import; 1401.
  func describeImport(_ id: Int64) throws -> DescribedImport {
    guard let found = try engine.importJob(id) else {
      throw MilvusError.importing("import job does not exist, jobID=\(id)")
    }
    try requirePrivilege(for: "Import", MilvusNames(collection: found.collection))
    return found
  }

  /// Makes the rows of an import visible that waits for it. Again is harmless.
  ///
  /// - Throws: 2100 for one that is not so far, commits itself, or has failed; as ``describeImport(_:)``.
  func commitImport(_ id: Int64) async throws {
    let found = try describeImport(id)
    guard found.waitsForCommit else {
      throw MilvusError.importing("job \(id) commits itself (auto_commit=true)")
    }
    guard !["Committing", "Completed"].contains(found.state) else { return }
    guard found.state == "Uncommitted" else {
      throw MilvusError.importing("job \(id) is in state \(found.state), expected Uncommitted")
    }
    do { _ = try await engine.whole.commitImport(id) } catch let error as MoultError
      where error.code == .jobStateConflict
    {
      throw MilvusError.importing(error.message)
    }
  }

  /// Drops the rows of an import that is not visible yet. Again is harmless.
  ///
  /// - Throws: 2100 for one that is committed, or has failed by itself; as ``describeImport(_:)``.
  func abortImport(_ id: Int64) async throws {
    let found = try describeImport(id)
    if found.isAborted { return }
    let isCommitted = found.waitsForCommit && found.state == "Committing"
    guard !isCommitted, !["Completed", "Failed"].contains(found.state) else {
      throw MilvusError.importing(
        "job \(id) is in terminal/committed state \(found.state), abort not allowed")
    }
    do { _ = try await engine.whole.abortImport(id, waits: found.waitsForCommit) } catch let error
      as MoultError
      where error.code == .jobStateConflict
    {
      throw MilvusError.importing(error.message)
    }
  }

  /// Newest first.
  ///
  /// - Parameter name: empty for all collections that the caller may import into.
  func listImports(_ name: String, limit: Int = 1_000) throws -> [DescribedImport] {
    let own = name.isEmpty ? nil : try describe(name).info.name
    let permissions = permissions
    let imports = try engine.importJobs().filter { own == nil || $0.collection == own }
      .filter { permissions.allow("Import", database: Self.database, collection: $0.collection) }
    return Array(imports.prefix(limit))
  }
}
