internal import ArgumentParser

/// `moult bench`: throughput with its recall.
struct BenchCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench",
    abstract: "Measure throughput together with recall.",
    discussion: """
      import, ingest, reembed and serve run over HTTP against a server of their own (or --url), all others in this process. With --json, one line of JSON a measured point; the last line is the figure \
      asked for. Lines with equal checksums gave equal results.
      """,
    subcommands: [
      BenchEncode.self, BenchScan.self, BenchExact.self, BenchGraph.self, BenchKeptGraph.self,
      BenchIVF.self, BenchSwitch.self, BenchImport.self, BenchIngest.self, BenchOpen.self, BenchRequest.self,
      BenchServe.self, BenchReembed.self, BenchGenerate.self,
      BenchDifficulty.self,
    ])
}
