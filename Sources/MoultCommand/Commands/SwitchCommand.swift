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

  @Argument(help: "Name of a collection or alias.")
  var name: String

  @Flag(help: "Say what the switch would take, and start nothing.")
  var dryRun = false

  @OptionGroup(title: "Form") var encoding: EncodingOptions
  @OptionGroup(title: "Gate") var gate: GateOptions
  @OptionGroup(title: "Limits") var limits: LimitOptions
  @OptionGroup var server: ServerOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    if encoding.isEmpty {
      throw ValidationError(
        "say what to switch to: --quantization segmented|int8|int4|binary|lloyd1…5|float16|bfloat16|none, "
          + "--dimensions N, --index flat|hnsw|ivf|auto, --target-recall R")
    }
  }

  func run() async throws {
    try await server.withClient { client in
      let current = try await client.collection(name).generation.specification
      let request = SwitchRequest(
        specification: encoding.specification(keeping: current),
        gate: try await gate.request(for: name, client), priority: gate.priority,
        swapAt: gate.swapAt?.milliseconds, limits: limits.limits)
      if dryRun {
        try output.put(try await client.planSwitch(name, request)) { $0.text }
        return
      }
      let job = try await client.startSwitch(name, request)
      try await JobOutcome(client: client, output: output, detach: gate.detach).settle(job)
    }
  }
}
