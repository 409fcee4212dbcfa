internal import Foundation
internal import MoultModel
internal import MoultStorage

/// Checks a data directory that no server is using.
package enum DataDirectoryProbe {
  /// What was found.
  package struct Report: Sendable, Codable, Equatable {
    package var path: String
    package var files: Int
    package var bytes: Int
    /// Damage, file by file.
    package var problems: [String]
    /// Files that nothing names any more; removed when a server opens the directory.
    package var orphans: [String]
  }

  /// - Parameter deep: reads every file to compare checksums.
  /// - Throws: `invalidArgument` when there is no data directory at `path`; `dataDirectoryInUse`,
  ///   `unsupportedVersion`, `corrupted`.
  package static func check(_ path: String, deep: Bool) throws -> Report {
    guard FileManager.default.fileExists(atPath: "\(path)/moult.sqlite") else {
      throw MoultError(
        .invalidArgument, "there is no data directory at '\(path)'; `moult serve --data DIR` makes one")
    }
    let directory: DataDirectory
    do { directory = try DataDirectory(path: path) } catch let error as MoultError
      where error.code == .corrupted
    {
      // It cannot be opened; its database may still say where it is damaged.
      let damage = (try? DataDirectory.databaseDamage(inDirectory: path)) ?? []
      if damage.isEmpty { throw error }
      return Report(path: path, files: 0, bytes: 0, problems: damage.map(\.message), orphans: [])
    }
    defer { directory.close() }
    let report = directory.check(deep: deep)
    return Report(
      path: path, files: report.fileCount, bytes: report.byteCount,
      problems: report.problems.map { "\($0.path): \($0.message)" }, orphans: report.orphans)
  }
}
