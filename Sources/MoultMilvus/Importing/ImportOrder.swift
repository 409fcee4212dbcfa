internal import Foundation
internal import MoultModel

/// What an import is asked for, kept with its job.
///
/// The property names are in stored data.
struct ImportOrder: Codable {
  /// Sets of files: one `.json` or `.jsonl` each, or one `.npy` a field.
  var files: [[String]]
  /// Empty for the default one.
  var partition: String
  /// Bytes of all files when the order was made.
  var fileBytes: Int64
  /// The same of each set; `nil` of older jobs.
  var setBytes: [Int64]?
  /// Whether its rows become visible when somebody commits them, and not by themselves; `nil` of older jobs.
  var waitsForCommit: Bool?
}

/// The folder that files of imports are in. Nothing outside of it is read.
struct ImportDirectory: Sendable {
  /// `nil` where the server was given none.
  let path: String?

  /// The file's own path, links followed.
  ///
  /// - Parameter name: of a request, relative to the folder or absolute.
  /// - Throws: `invalidArgument` for what is outside, not there, or no regular file.
  func resolve(_ name: String) throws(MoultError) -> String {
    guard let path else {
      throw MoultError(
        .invalidArgument, "this server imports no files: start it with --import-directory DIR")
    }
    guard let folder = realpath(path, nil) else {
      throw MoultError(.unavailable, "the folder of --import-directory is not there: '\(path)'")
    }
    defer { free(folder) }
    let wanted = name.hasPrefix("/") ? name : "\(path)/\(name)"
    let root = String(cString: folder)
    // Whether a file outside is there is nobody's business.
    let outside = MoultError(
      .invalidArgument, "file '\(name.prefix(300))' is not in the folder of --import-directory")
    guard !name.utf8.contains(0), let file = realpath(wanted, nil) else { throw outside }
    defer { free(file) }
    let resolved = String(cString: file)
    guard resolved.hasPrefix(root == "/" ? root : root + "/") else { throw outside }
    return resolved
  }

  func size(of file: String) -> Int64 {
    let attributes = try? FileManager.default.attributesOfItem(atPath: file)
    return (attributes?[.size] as? NSNumber)?.int64Value ?? 0
  }
}
