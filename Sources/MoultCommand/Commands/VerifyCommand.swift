internal import ArgumentParser
internal import MoultBenchmark

/// `moult verify`: whether a data directory or a backup is sound.
struct VerifyCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify",
    abstract: "Check every file of a data directory, or every byte of a backup.",
    discussion: """
      Looks at the header of each file that the catalog names; with --deep reads all of them and every page of \
      the database, compares checksums, and lets SQLite check the database. No server may be using the directory. Mends nothing; a \
      directory of an earlier format is raised, as by any start. Exit status 1 if \
      something is damaged; `moult repair` then makes anew what can be. With --backup, reads a file that `moult backup` \
      wrote, and compares all checksums.
      """)

  @Option(help: "The data directory.")
  var data: String?
  @Option(help: "A backup, instead of a data directory.")
  var backup: String?
  @Flag(help: "Read every byte and compare checksums.")
  var deep = false

  @OptionGroup var output: OutputOptions

  func validate() throws {
    if (data == nil) == (backup == nil) { throw ValidationError("give either --data or --backup") }
    if backup != nil && deep {
      throw ValidationError("--backup reads every byte anyway; --deep is for --data")
    }
  }

  func run() async throws {
    if let backup { return try output.put(try BackupReceiver.verify(backup)) { $0.text } }
    guard let data else { return }
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
