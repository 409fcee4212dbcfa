internal import ArgumentParser
internal import MoultModel

/// `moult cutover`: when a switch or reindex goes live.
struct CutoverCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cutover",
    abstract: "Let a switch or reindex go live now, at another moment, or not before you say so.",
    discussion: "It does all the rest meanwhile and follows writes until then; also while it runs.")

  @OptionGroup var job: JobsCommand.OneJob
  @Option(
    help: "Go live then: now, HH:MM (the next such time here) or YYYY-MM-DDTHH:MM.", transform: Self.moment)
  var at: SwapTime?
  @Flag(help: "Do not go live before `moult cutover` says so again.")
  var hold = false

  func validate() throws {
    if hold && at != nil { throw ValidationError("--hold and --at exclude each other") }
  }

  /// - Returns: a moment that is over for "now".
  private static func moment(_ text: String) throws -> SwapTime {
    if text == "now" { return SwapTime(milliseconds: 0) }
    guard let time = SwapTime(argument: text), time.milliseconds != JobInfo.untilReleased else {
      throw ValidationError("--at takes now, HH:MM or YYYY-MM-DDTHH:MM, got '\(text)'")
    }
    return time
  }

  func run() async throws {
    let until = hold ? JobInfo.untilReleased : at?.milliseconds ?? 0
    try await job.put {
      until == 0 ? try await $0.ask(.release, of: $1) : try await $0.holdJob($1, until: until)
    }
  }
}
