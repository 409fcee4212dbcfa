internal import ArgumentParser
internal import MoultModel

/// `moult alias`: names that point to collections and can be moved in one instant.
struct AliasCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "alias", abstract: "Create, list, describe, alter, swap or drop aliases.",
    subcommands: [
      Create.self, List.self, Describe.self, Alter.self, Swap.self, Drop.self, Batch.self,
    ],
    defaultSubcommand: List.self)

  struct Create: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Create an alias.")

    @Argument(help: "The alias.")
    var alias: String
    @Argument(help: "The collection it points to.")
    var collection: String
    @OptionGroup var server: ServerOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
      try await server.withClient { try await $0.createAlias(alias, collection: collection) }
      try output.report(AliasEntry(alias: alias, collection: collection), "created")
    }
  }

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "List aliases.")

    @Argument(help: "Only those of this collection (or of the one that this alias names).")
    var collection: String?
    @OptionGroup var server: ServerOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
      let aliases = try await server.withClient { try await $0.aliases(of: collection) }
      try output.put(aliases) { aliases in
        var table = TextTable([("ALIAS", .left), ("COLLECTION", .left)])
        for entry in aliases { table.append([entry.alias, entry.collection]) }
        return table.rendered()
      }
    }
  }

  struct Describe: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Say which collection an alias points to.")

    @Argument(help: "The alias.")
    var alias: String
    @OptionGroup var server: ServerOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
      let entry = try await server.withClient { try await $0.alias(alias) }
      try output.put(entry) { $0.collection }
    }
  }

  struct Alter: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Point an alias to another collection, in one instant.")

    @Argument(help: "The alias.")
    var alias: String
    @Argument(help: "The collection it shall point to.")
    var collection: String
    @Option(help: "Only if it points to this collection now.")
    var ifCurrent: String?
    @OptionGroup var server: ServerOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
      try await server.withClient {
        try await $0.alterAlias(alias, collection: collection, ifCurrent: ifCurrent)
      }
      try output.report(AliasEntry(alias: alias, collection: collection), "altered")
    }
  }

  struct Drop: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Drop an alias; its collection stays.")

    @Argument(help: "The alias.")
    var alias: String
    @Option(help: "Only if it points to this collection now.")
    var ifCurrent: String?
    @OptionGroup var server: ServerOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
      try await server.withClient { try await $0.dropAlias(alias, ifCurrent: ifCurrent) }
      if output.json { try Console.putJSON(["dropped": alias]) } else { Console.say("dropped \(alias)") }
    }
  }
}

extension AliasCommand {
  struct Swap: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Let two aliases exchange their collections, in one instant.")

    @Argument(help: "An alias.")
    var alias: String
    @Argument(help: "Another alias.")
    var other: String
    @OptionGroup var server: ServerOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
      let changes = try await server.withClient {
        try await $0.changeAliases([.swap(alias, with: other)])
      }
      try output.report(changes)
    }
  }

  struct Batch: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Change several aliases in one instant: all of it happens, or nothing.",
      discussion: """
        Actions are carried out in order; each sees what those before it did:

        \(AliasActionText.forms)

        `moult alias batch alter:live=words_v2,if-current=words_v1 create:old=words_v1`
        """)

    @Argument(help: "Actions, such as alter:live=words_v2.")
    var actions: [AliasActionText]
    @OptionGroup var server: ServerOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
      let changes = try await server.withClient { try await $0.changeAliases(actions.map(\.action)) }
      try output.report(changes)
    }
  }
}

extension OutputOptions {
  /// What became of aliases: talk for people, data with --json.
  fileprivate func report(_ changes: [AliasChange]) throws {
    if json { return try Console.putJSON(["changes": changes]) }
    if changes.isEmpty { Console.say("nothing to change") }
    for change in changes {
      Console.say("\(change.alias): \(change.before ?? "(none)") → \(change.after ?? "(none)")")
    }
  }

  /// What was done to an alias: talk for people, data with --json.
  fileprivate func report(_ entry: AliasEntry, _ verb: String) throws {
    if json {
      try Console.putJSON(entry)
    } else {
      Console.say("\(verb) \(entry.alias) → \(entry.collection)")
    }
  }
}
