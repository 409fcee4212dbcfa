internal import ArgumentParser
internal import MoultBenchmark

/// `moult verify`: whether a data directory is sound.
struct VerifyCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify",
    abstract: "Check every file of a data directory.",
    discussion: """
      Looks at the header of each file that the catalog names; with --deep reads all of them and every page of \
      the database, compares checksums, and lets SQLite check the database. No server may be using the directory. Mends nothing; a \
      directory of an earlier format is raised, as by any start. Exit status 1 if \
      something is damaged; `moult repair` then makes anew what can be.
      """)

  @Option(help: "The data directory.")
  var data: String
  @Flag(help: "Read every byte and compare checksums.")
  var deep = false

  @OptionGroup var output: OutputOptions

  func run() async throws {
    let report = try DataDirectoryProbe.check(data, deep: deep)
    try output.put(report) { report in
      var lines = report.problems.map { "DAMAGED: \($0)" }
      lines += report.orphans.map { "note: \($0) belongs to nothing; the next `moult serve` removes it" }
      lines.append(
        "\(report.files) files, \(Figure.bytes(Double(report.bytes))): "
          + (report.problems.isEmpty
            ? (deep ? "sound" : "headers are sound; --deep reads the rest")
            : "\(report.problems.count) damaged"))
      return lines.joined(separator: "\n")
    }
    if !report.problems.isEmpty { throw ExitCode(CommandStatus.failure.rawValue) }
  }
}
