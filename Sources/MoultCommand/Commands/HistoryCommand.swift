internal import ArgumentParser
internal import MoultModel

/// `moult history`: who changed which alias or generation, when, from what to what.
struct HistoryCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "history",
    abstract: "Show changes of aliases and generations, and verdicts of comparisons, newest first.")

  @Argument(help: "Only those of this alias or collection.")
  var name: String?
  @OptionGroup var list: ListOptions

  func run() async throws {
    let history = try await list.server.withClient { try await $0.history(of: name, limit: list.limit) }
    try list.output.put(history) { history in
      var table = TextTable([
        ("WHEN", .left), ("WHAT", .left), ("NAME", .left), ("BEFORE", .left), ("AFTER", .left),
        ("JOB", .right), ("WHO", .left), ("MEASURED", .left),
      ])
      for entry in history {
        table.append([
          Figure.moment(entry.at), entry.action.rawValue, entry.name, entry.before ?? "", entry.after ?? "",
          entry.job.map { String($0) } ?? "", entry.requestedBy ?? "",
          entry.detail ?? "",
        ])
      }
      return table.rendered()
    }
  }
}
