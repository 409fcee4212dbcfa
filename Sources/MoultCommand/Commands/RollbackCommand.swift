internal import ArgumentParser
internal import MoultModel

/// `moult rollback`: the generation before the last switch answers again.
struct RollbackCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rollback",
    abstract: "Make the previous generation of a collection live again, in one instant.")

  @Argument(help: "Name of a collection or alias.")
  var name: String

  @Option(help: "Only if this generation is live now; else nothing changes.")
  var ifCurrent: Int64?

  @OptionGroup var server: ServerOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let generation = try await server.withClient { try await $0.rollback(name, ifCurrent: ifCurrent) }
    try output.put(generation) { generation in
      "\(name) is answered by generation \(generation.id) again: \(generation.specification.summary)"
    }
  }
}
