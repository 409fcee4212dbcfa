internal import ArgumentParser
internal import Foundation
internal import Logging
internal import MoultBenchmark
internal import MoultModel

/// `moult bench open`.
struct BenchOpen: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "open",
    abstract: "Open a data directory and search it once (seconds).",
    discussion: """
      The directory is filled first, in a temporary one unless --data says where; there it stays, and a later run opens \
      what it finds. One line with the files in the page cache, one without.
      """)

  @OptionGroup var data: BenchDataOptions
  @OptionGroup var encoding: EncodingOptions
  @OptionGroup var graph: GraphShapeOptions
  @Option(name: .customLong("data"), help: "The data directory; filled if it is not there yet, and kept.")
  var directory: String?
  @OptionGroup var options: BenchRunOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let scratch = try ScratchDirectory(name: "moult-bench")
    defer { scratch.remove() }
    let path = directory ?? scratch.path
    let logger = Logger(label: "moult.bench") { _ in SwiftLogNoOpLogHandler() }
    var specification = encoding.specification
    if specification.index != .flat {
      specification.index = .hnsw(m: graph.m, efConstruction: graph.efConstruction)
    }
    let data = try self.data.load()
    let options = try options.options(specification, k: self.data.k)
    if !FileManager.default.fileExists(atPath: path + "/moult.sqlite") {
      try await SwitchBenchmark.prepare(
        data, options, directory: path, logger: logger, background: BenchSwitch.withServices)
    }
    let printer = RecordPrinter(output)
    try await OpenBenchmark.run(data, options, directory: path, logger: logger, printer.put)
    printer.finish()
  }
}
