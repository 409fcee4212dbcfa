internal import Foundation

/// The commit that figures belong to.
package enum Commit {
  /// Of the repository the program lies in, "+" behind it when files had been changed; else "unknown".
  package static let current = find()

  /// Asks git where the program lies, else where it was started.
  private static func find() -> String {
    let executable = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
    let folders = [
      (executable as NSString).deletingLastPathComponent, FileManager.default.currentDirectoryPath,
    ]
    for folder in folders where !folder.isEmpty {
      guard let head = git(["rev-parse", "--short=12", "HEAD"], in: folder), !head.isEmpty else { continue }
      let changes = git(["status", "--porcelain", "--untracked-files=no"], in: folder) ?? ""
      return changes.isEmpty ? head : head + "+"
    }
    return "unknown"
  }

  private static func git(_ arguments: [String], in folder: String) -> String? {
    let process = Process()
    let output = Pipe()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["git", "-C", folder] + arguments
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
    guard (try? process.run()) != nil else { return nil }
    let data = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else { return nil }
    return String(decoding: data, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
  }
}
