internal import ArgumentParser
internal import MoultModel

/// `moult switch`: another form for a live collection.
struct SwitchCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "switch",
    abstract: "Give a live collection another quantization, dimensions, transform or index.",
    discussion: """
      The collection answers all the time. The new generation is built beside the old one, its recall is \
      measured against exact search, and only if that is good enough the two change places. `moult rollback` \
      goes back.

      What is not named stays as it is; a new --quantization without --dimensions takes all dimensions.
      """)

  @Flag(help: "Say what the switch would take, and start nothing; the same as `moult plan`.")
  var dryRun = false

  @OptionGroup var options: SwitchOptions

  func validate() throws { try options.requireForm() }

  func run() async throws {
    if dryRun { return try await options.putPlan() }
    try await options.server.withClient { client in
      let job = try await client.startSwitch(options.name, try await options.request(client))
      try await JobOutcome(client: client, output: options.output, detach: options.gate.detach).settle(job)
    }
  }
}
