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
  var reason: String { job.state == .cancelled ? "cancelled" : job.error ?? "" }

  var progress: Int {
    if job.state == .completed { return 100 }
    guard job.progress.rowsTotal > 0 else { return 0 }
    return Int(min(99, 100 * job.progress.rowsDone / job.progress.rowsTotal))
  }

  /// As REST says it.
  var state: String {
    switch job.state {
    case .available: "Pending"
    case .running, .retrying, .held, .paused: "Importing"
    case .completed: "Completed"
    case .failed, .cancelled: "Failed"
    }
  }
}

/// Imports of files that lie in a folder of the server's.
extension MilvusOperations {
  private static let filesMax = 1024

  /// - Throws: 2100 for what would change how rows are read or when they are seen.
  static func check(importOptions: [CollectionDefinition.Parameter]) throws {
    for option in importOptions {
      switch (option.key, option.value.lowercased()) {
      // A job takes as long as it takes.
      case ("timeout", _), ("auto_commit", "true"), ("skip_disk_quota_check", _): continue
      case ("backup", "false"), ("l0_import", "false"): continue
      default:
        throw MilvusError.importing(
          "option \(option.key.prefix(100))=\(option.value.prefix(100)) is not supported by this version of Moult"
        )
      }
    }
  }

  /// - Parameter files: sets of files.
  /// - Returns: the number of the job.
  /// - Throws: 2100 for files that cannot be imported; nothing is begun then.
  func startImport(_ files: [[String]], into name: String, partition: String) async throws -> Int64 {
    let collection = try describe(name)
    try checkPartitions([partition], of: collection)
    guard !files.isEmpty, !files.contains(where: \.isEmpty),
      files.reduce(0, { $0 + $1.count }) <= Self.filesMax
    else { throw MilvusError.importing("import request is empty, or has more than \(Self.filesMax) files") }
    var bytes: Int64 = 0
    for file in files.joined() {
      do { bytes += imports.size(of: try imports.resolve(file)) } catch {
        throw MilvusError.importing(error.message)
      }
    }
    let order = ImportOrder(files: files, partition: partition, fileBytes: bytes)
    let text = String(decoding: try JSONEncoder().encode(order), as: UTF8.self)
    let id = try await engine.startImport(into: collection.info.name, order: text).id
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
