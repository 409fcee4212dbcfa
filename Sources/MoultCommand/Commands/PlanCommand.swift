internal import ArgumentParser
internal import MoultModel

/// `moult plan`: the bill of a switch before its start.
struct PlanCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "plan",
    abstract: "Say what a switch would take, and start nothing.",
    discussion: """
      Takes the words of `moult switch`: rows, bytes before and after, disk and memory at their peak, seconds, what is \
      not made anew, and the recall of the new codes on a sample. `moult reindex --dry-run` says it of a copy.
      """)

  @OptionGroup var options: SwitchOptions

  func run() async throws { try await options.putPlan() }
}
