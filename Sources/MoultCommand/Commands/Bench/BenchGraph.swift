internal import ArgumentParser
internal import MoultBenchmark
internal import MoultModel

/// How a benchmark builds a graph.
struct GraphShapeOptions: ParsableArguments {
  @Option(help: "Neighbours of a node of the graph; twice as many on the lowest level.")
  var m = 16
  @Option(name: .customLong("ef-construction"), help: "Candidates considered for a node's links.")
  var efConstruction = 128

  var shape: GraphShape { GraphShape(m: m, efConstruction: efConstruction) }

  func validate() throws {
    if !(2...256).contains(m) { throw ValidationError("--m must be 2 to 256, got \(m)") }
    if !(1...10_000).contains(efConstruction) {
      throw ValidationError("--ef-construction must be 1 to 10000, got \(efConstruction)")
    }
  }
}

/// `moult bench graph`.
struct BenchGraph: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "graph",
    abstract: "Build a graph over codes and search it; a line for the build, then one for each ef.",
    discussion: """
      A code is named as in int8 or segmented:2 (with its bits a dimension). With --build-with the graph is built \
      with one code and searched with that of --quantization, as after a switch that keeps the graph. \
      bytes_per_vector is that of codes and graph together.
      """)

  @OptionGroup var data: BenchDataOptions
  @OptionGroup var encoding: EncodingOptions
  @OptionGroup var graph: GraphShapeOptions
  @OptionGroup var options: BenchRunOptions
  @Option(help: "Beam widths, with commas between; without, a sweep.")
  var ef: CommaList<Int>?
  @Option(
    help: """
      Candidates per hit that are rescored with full precision, with commas between; each ef runs with each, up to \
      the width of its beam. Without, --oversampling or the code's own.
      """)
  var rescore: CommaList<Double>?
  @Option(name: .customLong("build-with"), help: "Code to build the graph with.")
  var buildWith: CodeName?
  @Option(name: .customLong("write-graph"), help: "Keep the graph in this file.")
  var writeGraph: String?
  @Option(name: .customLong("read-graph"), help: "Search the graph in this file instead of building one.")
  var readGraph: String?
  @Flag(
    name: .customLong("no-guide"), help: "Let the codes lead the walk, instead of guides of 64 bytes a row.")
  var isUnguided = false
  @Option(help: "End a walk when so many rows were expanded without a better hit.")
  var patience: Int?
  @Option(
    name: .customLong("refine-with"), help: "Code by whose scores the graph's links are chosen anew, locally."
  )
  var refineWith: CodeName?
  @Option(name: .customLong("refine-breadth"), help: "Rows that are looked at around each row then.")
  var refineBreadth: Int?
  @OptionGroup var output: OutputOptions

  func validate() throws {
    try validateWidths(ef)
    if let patience, patience < 1 { throw ValidationError("--patience must be at least 1, got \(patience)") }
    if let refineBreadth, refineBreadth < 1 {
      throw ValidationError("--refine-breadth must be at least 1, got \(refineBreadth)")
    }
    if let wrong = rescore?.values.first(where: { !($0 >= 1 && $0.isFinite) }) {
      throw ValidationError("--rescore must be at least 1, got \(wrong)")
    }
    if rescore != nil, encoding.oversampling != nil {
      throw ValidationError("give --rescore or --oversampling, not both")
    }
    if readGraph != nil, buildWith != nil || writeGraph != nil {
      throw ValidationError("--read-graph builds nothing; leave out --build-with and --write-graph")
    }
  }

  func run() throws {
    let printer = RecordPrinter(output)
    try GraphBenchmark.run(
      try data.load(), try options.options(encoding.specification, k: data.k),
      GraphBenchmark.Plan(
        shape: graph.shape, buildWith: buildWith, widths: ef?.values ?? [],
        oversamplings: rescore?.values ?? [], readPath: readGraph, writePath: writeGraph,
        isGuided: !isUnguided, patience: patience, refineWith: refineWith, refineBreadth: refineBreadth),
      printer.put)
    printer.finish()
  }
}

/// `moult bench kept-graph`.
struct BenchKeptGraph: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "kept-graph",
    abstract: "Search every code over the graphs built with every code: what a kept graph costs (recall).",
    discussion: """
      The premise of a switch that keeps its graph. Each line of a kept graph has recall_difference: its recall less \
      that of the graph built with the searched code itself, on the same queries, with its interval. Rescoring is \
      each code's own. Benchmarks/table makes a table of the lines.
      """)

  @OptionGroup var data: BenchDataOptions
  @Option(help: "Codes, with commas between.")
  var codes = CommaList(
    ["none", "int8", "int4", "segmented:2", "binary"].compactMap { CodeName($0) })
  @OptionGroup var graph: GraphShapeOptions
  @OptionGroup var options: BenchRunOptions
  @Option(help: "Beam widths, with commas between.")
  var ef = CommaList([64, 128, 256])
  @OptionGroup var output: OutputOptions

  func validate() throws {
    try validateWidths(ef)
  }

  func run() throws {
    let printer = RecordPrinter(output)
    try KeptGraphBenchmark.run(
      try data.load(), try options.options(EncodingSpecification(), k: data.k), codes: codes.values,
      shape: graph.shape, widths: ef.values, printer.put)
    printer.finish()
  }
}

private func validateWidths(_ ef: CommaList<Int>?) throws {
  if let wrong = ef?.values.first(where: { $0 < 1 }) {
    throw ValidationError("--ef must be at least 1, got \(wrong)")
  }
}
