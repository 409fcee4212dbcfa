internal import ArgumentParser
internal import MoultModel

/// `moult backup`: collections to a file, while they are served.
struct BackupCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "backup", abstract: "Copy collections of a running server to a file.",
    discussion: """
      The file holds vectors, payloads, codes and indexes as they are when the backup begins, with aliases and with the \
      generation before the last switch, so that a rollback is possible after a restore. Searches, writes and \
      switches go on meanwhile. It is a tar archive with checksums, which are compared before it gets its name.
      """)

  @Argument(help: "Collections, or aliases that stand for them; without, all.")
  var names: [String] = []
  @Option(help: "The file to write.")
  var to: String
  @Flag(help: "Replace a file that is there already.")
  var force = false

  @OptionGroup var server: ServerOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let summary = try await server.withClient { client in
      try await BackupReceiver(client: client, names: names, path: to, force: force).run()
    }
    try output.put(summary) { $0.text }
  }
}

/// `moult restore`: collections from a file into a running server.
struct RestoreCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "restore", abstract: "Put collections of a backup into a running server.",
    discussion: """
      All of them appear in one instant, with their aliases, or nothing changes: what is damaged, or in the way, is \
      refused. Searches and writes go on meanwhile. `moult verify --backup FILE` checks a file without a server.
      """)

  @Option(name: .customLong("from"), help: "The file, as `moult backup` wrote it.")
  var from: String
  @Option(help: "Only this collection, with its aliases.")
  var only: String?
  @Option(
    name: .customLong("as"), help: "Another name for the one collection, which comes without aliases then.")
  var name: String?
  @Option(help: "What becomes of collections and aliases that are there already: fail or replace.")
  var ifExists: RestoreRequest.Present = .fail

  @OptionGroup var server: ServerOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let report = try await server.withClient { client in
      let bar = SharedProgressBar()
      defer { bar.clear() }
      return try await client.restore(
        BackupFileChunks(path: from) { done, total in bar.show(phase: "restore", done: done, total: total) },
        RestoreRequest(only: only, name: name, ifExists: ifExists))
    }
    try output.put(report) { report in
      var lines = report.collections.map { collection in
        "\(collection.replaced ? "replaced" : "restored") \(collection.name)"
          + (collection.name == collection.source ? "" : " (\(collection.source) of the backup)")
          + ": \(Figure.grouped(collection.rows)) rows"
      }
      lines += report.aliases.map { "\($0.alias): \($0.before ?? "(none)") → \($0.after ?? "(none)")" }
      return lines.joined(separator: "\n")
    }
  }
}

extension BackupSummary {
  /// For people.
  var text: String {
    var table = TextTable([
      ("COLLECTION", .left), ("ROWS", .right), ("BATCH", .right), ("GENERATIONS", .right),
    ])
    for collection in collections {
      table.append([
        collection.name, Figure.grouped(collection.rows), String(collection.sequence),
        String(collection.generations),
      ])
    }
    return table.rendered() + "\n\(Figure.bytes(Double(bytes))) in \(entries) entries, "
      + "\(aliases.count) aliases: sound"
  }
}
