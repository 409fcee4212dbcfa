internal import ArgumentParser
internal import MoultModel

/// A switch as it is asked for on the command line.
struct SwitchOptions: ParsableArguments {
  @Argument(help: "Name of a collection or alias.")
  var name: String

  @OptionGroup(title: "Form") var encoding: EncodingOptions
  @OptionGroup(title: "Gate") var gate: GateOptions
  @OptionGroup(title: "Limits") var limits: LimitOptions
  @OptionGroup var server: ServerOptions
  @OptionGroup var output: OutputOptions

  /// - Throws: `ValidationError` where nothing is said of the form.
  func requireForm() throws {
    if encoding.isEmpty {
      throw ValidationError(
        "say what to switch to: --quantization segmented|int8|int4|binary|lloyd1…5|float16|bfloat16|none, "
          + "--dimensions N, --index flat|hnsw|ivf|auto, --target-recall R")
    }
  }

  func request(_ client: AdminClient) async throws -> SwitchRequest {
    let current = try await client.collection(name).generation.specification
    return SwitchRequest(
      specification: encoding.specification(keeping: current),
      gate: try await gate.request(for: name, client), priority: gate.priority,
      swapAt: gate.swapAt?.milliseconds, limits: limits.limits, after: gate.after)
  }

  func putPlan() async throws {
    try await server.withClient { client in
      try output.put(try await client.planSwitch(name, try await request(client))) { $0.text }
    }
  }
}
