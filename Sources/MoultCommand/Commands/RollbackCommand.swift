internal import ArgumentParser
internal import MoultModel

/// `moult rollback`: what answered before the last switch or cut-over answers again.
struct RollbackCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rollback",
    abstract: "Undo the newest change of what answers under a name, in one instant.",
    discussion: """
      After a switch the previous generation of the collection is live again. After a reindex or re-embedding with \
      --alias, and under that alias, the alias stands for the collection before again, and text queries are embedded by \
      its model. It is refused when points were written or deleted since then, which the collection before does not \
      have; --force goes back without them. Asked for once more, it undoes itself.
      """)

  @Argument(help: "Name of a collection or alias.")
  var name: String

  @Option(help: "Only if this generation is live now; else nothing changes.")
  var ifCurrent: Int64?
  @Flag(
    help:
      "Move an alias back although the collection before lacks what was written since; it stays where it is.")
  var force = false

  @OptionGroup var server: ServerOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let (generation, collection) = try await server.withClient { client in
      let generation = try await client.rollback(name, ifCurrent: ifCurrent, force: force)
      return (generation, try await client.collection(name).name)
    }
    try output.put(generation) { generation in
      let of = collection == name ? "" : " of \(collection)"
      return
        "\(name) is answered by generation \(generation.id)\(of) again: \(generation.specification.summary)"
    }
  }
}
