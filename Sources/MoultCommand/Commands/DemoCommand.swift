internal import ArgumentParser
internal import Foundation

/// `moult demo`: the main job on the bundled sample, as `make demo` runs it.
struct DemoCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "demo",
    abstract: "Show a live collection change its quantization and dimensions under load.",
    discussion: """
      Starts a server on a temporary data directory, imports 10,000 WordNet embeddings, and lets clients \
      search through an alias over HTTP the whole time while the collection is switched to int8 and binary, \
      rolled back and reindexed. Ends with an error if a search failed or was answered by what was no longer \
      current when it began.
      """)

  @Option(help: "Clients that search all the time.")
  var clients = 4
  @Option(help: "Folder of the sample; found by itself in Moult's repository.")
  var sample: String?

  @OptionGroup var output: OutputOptions

  func validate() throws {
    if clients < 1 { throw ValidationError("--clients must be at least 1, got \(clients)") }
  }

  func run() async throws {
    let sample = try SampleData(directory: sample)
    let directory = try ScratchDirectory(name: "moult-demo")
    let server = try await ServerProcess(dataDirectory: directory.path + "/data")
    Console.say("server on \(server.url), data in \(directory.path)")
    let report: DemoReport
    do {
      report = try await AdminClient.with(url: server.url, token: ServerOptions.defaultToken) { client in
        try await Demonstration(client: client, sample: sample, clientCount: clients).run()
      }
      await server.stop()
    } catch {
      await server.stop()
      Console.say("the server said last:\n\(server.logTail)")
      directory.remove()
      throw error
    }
    directory.remove()
    try output.put(report) { Self.text($0, sample: sample) }
    guard report.isSound else {
      throw CommandFailure(
        .failure,
        """
        \(report.searches.failed) searches failed, \(report.searches.stale) were stale; exact search agrees \
        with the bundled truth in \(Figure.fixed(report.exactAgainstTruth, 4)) \
        \(report.searches.examples.map { "\n  " + $0 }.joined())
        """, next: "this is a bug: please report it with the output of `moult doctor`")
    }
  }

  private static func text(_ report: DemoReport, sample: SampleData) -> String {
    let moult = CommandLine.arguments[0]
    return """

      \(Figure.grouped(report.rows)) × \(report.dimension), \(report.clients) clients searching all the time

      \(report.table)

      Recall is against exact search of the full-precision vectors over HTTP, which agrees with the bundled
      ground truth in \(Figure.fixed(100 * report.exactAgainstTruth, 2)) % of neighbours. Searches are those \
      from the step's beginning to
      the next one's. Stale: answered by what was no longer current when the request began.

      Try next (the first in a shell of its own):
        \(moult) serve --data ./moult-data
        \(moult) import words --vectors \(sample.vectors) --payload \(sample.payload)
        \(moult) switch words --quantization int8 --queries \(sample.queries)
      """
  }
}
