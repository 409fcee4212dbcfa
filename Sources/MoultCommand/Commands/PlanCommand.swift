internal import ArgumentParser
internal import MoultModel

/// `moult plan`: the bill of a switch or a re-embedding before its start.
struct PlanCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "plan",
    abstract: "Say what a switch, or with --embedder a re-embedding, would take, and start nothing.",
    discussion: """
      Takes the words of `moult switch`: rows, bytes before and after, disk and memory at their peak, seconds, what is \
      not made anew, and the recall of the new codes on a sample. `moult reindex --dry-run` says it of a copy.

      With --embedder and --text: points, distinct texts and those that have vectors already, tokens, requests, time by \
      the embedder's limits and at the pace of its last job, price. Every text is looked at and no model is asked.
      """)

  @OptionGroup var options: SwitchOptions
  @OptionGroup(title: "Re-embedding") var text: ReembedTextOptions

  func validate() throws {
    guard text.embedder == nil else {
      guard options.encoding.isEmpty else {
        throw ValidationError(
          "--embedder asks for the bill of a re-embedding: leave the options of the form out")
      }
      return
    }
    guard text.text == nil else { throw ValidationError("--text is about --embedder: give both") }
    try options.requireForm()
  }

  func run() async throws {
    guard let embedder = text.embedder else { return try await options.putPlan() }
    try await options.server.withClient { client in
      let request = ReembedRequest(
        source: options.name, target: nil, embedder: embedder, text: text.text, missing: text.missing)
      try options.output.put(try await client.planReembed(request)) { $0.text }
    }
  }
}
