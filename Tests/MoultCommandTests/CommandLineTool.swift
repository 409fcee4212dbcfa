import Foundation

/// Runs the program `moult` that was built beside the tests.
enum CommandLineTool {
  struct Outcome {
    var status: Int32
    var output: String
    var talk: String
  }

  /// The built program: tests and products lie in the same folder.
  static var path: String {
    let own = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
    return URL(fileURLWithPath: own).deletingLastPathComponent().appendingPathComponent("moult").path
  }

  /// - Parameters:
  ///   - interruptAfter: sends Ctrl-C once stderr holds this text.
  static func run(
    _ arguments: [String], url: String, token: String? = nil, interruptAfter: String? = nil
  ) async throws -> Outcome {
    let folder = FileManager.default.temporaryDirectory
    let name = "moult-tool-\(UInt64.random(in: 0...UInt64.max))"
    let outputURL = folder.appendingPathComponent(name + ".out")
    let talkURL = folder.appendingPathComponent(name + ".err")
    _ = FileManager.default.createFile(atPath: outputURL.path, contents: nil)
    _ = FileManager.default.createFile(atPath: talkURL.path, contents: nil)
    defer {
      try? FileManager.default.removeItem(at: outputURL)
      try? FileManager.default.removeItem(at: talkURL)
    }
    let process = Process()
    process.executableURL = URL(fileURLWithPath: path)
    process.arguments = arguments
    var environment = ProcessInfo.processInfo.environment
    environment["MOULT_URL"] = url
    environment["MOULT_TOKEN"] = token
    process.environment = environment
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = try FileHandle(forWritingTo: outputURL)
    process.standardError = try FileHandle(forWritingTo: talkURL)
    try process.run()
    var waitsForText = interruptAfter != nil
    // Polled rather than waited for: a blocked thread of the pool would hold up other tests.
    while process.isRunning {
      if waitsForText, try String(contentsOf: talkURL, encoding: .utf8).contains(interruptAfter!) {
        process.interrupt()
        waitsForText = false
      }
      try await Task.sleep(for: .milliseconds(2))
    }
    return Outcome(
      status: process.terminationStatus, output: try String(contentsOf: outputURL, encoding: .utf8),
      talk: try String(contentsOf: talkURL, encoding: .utf8))
  }
}
