internal import ArgumentParser
internal import MoultBenchmark
internal import MoultModel

/// `moult bench ivf`.
struct BenchIVF: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ivf",
    abstract:
      "Put rows into lists and search them; a line for the build, then one for each number of probes.",
    discussion: """
      bytes_per_vector is that of codes and inverted file together; compare with bench graph. --index ivf --lists N \
      sets the number of lists.
      """)

  @OptionGroup var data: BenchDataOptions
  @OptionGroup var encoding: EncodingOptions
  @OptionGroup var options: BenchRunOptions
  @Option(help: "Lists that a query looks into, with commas between; without, a sweep.")
  var probes: CommaList<Int>?
  @Option(help: "Candidates per hit that are rescored with full precision, with commas between.")
  var rescore: CommaList<Double>?
  @OptionGroup var output: OutputOptions

  func validate() throws {
    if let wrong = probes?.values.first(where: { $0 < 1 }) {
      throw ValidationError("--probes must be at least 1, got \(wrong)")
    }
    if let wrong = rescore?.values.first(where: { !($0 >= 1 && $0.isFinite) }) {
      throw ValidationError("--rescore must be at least 1, got \(wrong)")
    }
  }

  func run() throws {
    let printer = RecordPrinter(output)
    try IVFBenchmark.run(
      try data.load(), try options.options(encoding.specification, k: data.k),
      IVFBenchmark.Plan(
        lists: encoding.lists, probes: probes?.values ?? [], oversamplings: rescore?.values ?? []),
      printer.put)
    printer.finish()
  }
}
