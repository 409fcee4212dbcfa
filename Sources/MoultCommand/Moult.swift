internal import ArgumentParser
internal import Foundation

/// The command `moult`.
@main
struct Moult: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "moult",
    abstract: "Vector search that changes its quantization, dimensions and model while it serves.",
    discussion: """
      Data go to stdout, talk to stderr. With --json, data are JSON.

      A first look: `moult demo`. By hand: `moult serve --data ./moult-data`, then, in another shell,
      `moult import words --vectors F.npy`, `moult switch words --quantization int8`.

      Ctrl-C while a job is watched ends the watching; the job goes on.

      Exit status:
      \(CommandStatus.table)
      """,
    version: "moult \(Version.current)",
    groupedSubcommands: [
      CommandGroup(
        name: "Serving",
        subcommands: [
          ServeCommand.self, DoctorCommand.self, VerifyCommand.self, RepairCommand.self, DemoCommand.self,
        ]),
      CommandGroup(
        name: "Data",
        subcommands: [
          ImportCommand.self, ExportCommand.self, SearchCommand.self, CollectionsCommand.self,
          AliasCommand.self, BackupCommand.self, RestoreCommand.self,
        ]),
      CommandGroup(
        name: "Changing a live collection",
        subcommands: [
          PlanCommand.self, SwitchCommand.self, RollbackCommand.self, ReindexCommand.self,
          ReembedCommand.self,
          EmbedderCommand.self, CompareCommand.self, StatusCommand.self,
          JobsCommand.Pause.self, JobsCommand.Resume.self, ThrottleCommand.self, CutoverCommand.self,
          JobsCommand.Cancel.self, JobsCommand.self, HistoryCommand.self,
        ]),
      CommandGroup(name: "Measuring", subcommands: [BenchCommand.self]),
    ])

  static func main() async {
    do {
      var command = try parseAsRoot()
      if var asynchronous = command as? any AsyncParsableCommand {
        try await asynchronous.run()
      } else {
        try command.run()
      }
    } catch {
      end(with: error)
    }
  }

  /// Prints what `error` says and ends the process with its status.
  private static func end(with error: any Error) -> Never {
    if let code = error as? ExitCode { Foundation.exit(code.rawValue) }
    switch exitCode(for: error) {
    case .success: exit(withError: error)  // --help, --version
    case .validationFailure:
      Console.say(fullMessage(for: error))
      Foundation.exit(CommandStatus.usage.rawValue)
    default:
      let failure = CommandFailure(anything: error)
      Console.say(failure.text)
      Foundation.exit(failure.status.rawValue)
    }
  }
}

/// The version of this build.
enum Version {
  static let current = "0.1.0"
}
