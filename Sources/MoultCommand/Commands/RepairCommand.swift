internal import ArgumentParser
internal import Foundation
internal import Logging
internal import MoultEngine

/// `moult repair`: what is damaged and can be made anew.
struct RepairCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "repair",
    abstract:
      "Rebuild damaged codes, graphs and encoders of a data directory from the full-precision vectors.",
    discussion: """
      No server may be using the directory. Of a damaged file of vectors the sound rows are saved; the points of the \
      others are named, and deleted only with --accept-loss. Exit status 1 if something is still damaged.
      """)

  @Option(help: "The data directory.")
  var data: String
  @Flag(help: "Delete points whose vectors are gone, so that the rest of their file can be used again.")
  var acceptLoss = false

  @OptionGroup var output: OutputOptions

  func run() async throws {
    guard FileManager.default.fileExists(atPath: "\(data)/moult.sqlite") else {
      throw CommandFailure(.failure, "there is no data directory at '\(data)'")
    }
    LoggingSystem.bootstrap(StreamLogHandler.standardError)
    var logger = Logger(label: "moult")
    logger.logLevel = .error
    let report = try await Repair(
      EngineConfiguration(dataDirectory: data), acceptsLoss: acceptLoss, logger: logger
    ).run()
    try output.put(report, text: Self.text)
    if !report.remaining.isEmpty { throw ExitCode(CommandStatus.failure.rawValue) }
  }

  private static func text(_ report: RepairReport) -> String {
    var lines = report.found.map { "found: \($0)" }
    lines += report.rebuilt.map { "made anew: \($0)" }
    lines += report.notes.map { "note: \($0)" }
    for loss in report.lost {
      lines.append(
        "\(loss.accepted ? "LOST" : "WOULD BE LOST (--accept-loss)"): \(loss.ids.count) points of "
          + "'\(loss.collection)' in \(loss.file): \(loss.ids.joined(separator: " "))")
    }
    lines += report.remaining.map { "STILL DAMAGED: \($0)" }
    lines.append(
      report.found.isEmpty
        ? "nothing is damaged" : report.remaining.isEmpty ? "all is sound" : "not all could be mended")
    return lines.joined(separator: "\n")
  }
}
