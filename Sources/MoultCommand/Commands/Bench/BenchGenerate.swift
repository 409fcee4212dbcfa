internal import ArgumentParser
internal import MoultBenchmark
internal import MoultModel

extension NeighbourhoodGenerator.Noise: ExpressibleByArgument {}

/// `moult bench generate`.
struct BenchGenerate: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "generate",
    abstract: "Make a set of any size from a real one, for benchmarks that need more vectors than there are.",
    discussion: """
      The real rows come first. Every other row starts at a random real one, goes part of the way to one of its \
      nearest rows and gets noise with the covariance of the differences to them. The same seed gives the same file. \
      Queries stay the real ones; bench exact --write-truth makes their truth. bench difficulty compares the sets.
      """)

  @Option(help: "File of real vectors (.npy, .fvecs).")
  var vectors: String
  @Option(help: "How nearness is measured: cosine, ip or l2.")
  var metric: Metric = .cosine
  @Option(help: "Rows to write.")
  var count: Int
  @Option(help: "Of the random numbers.")
  var seed: UInt64 = 1
  @Option(help: "local follows the data; isotropic, for comparison, is Gaussian noise that does not.")
  var noise: NeighbourhoodGenerator.Noise = .local
  @Option(
    name: .customLong("noise-scale"),
    help: "Length of the noise relative to the differences to the neighbours.")
  var noiseScale = NeighbourhoodGenerator.noiseScale
  @Option(help: "Threads; 0 takes one a processor.")
  var threads = 0
  @Option(
    name: [.customLong("to"), .customLong("output")], help: "File to write (.npy as float16, or .fvecs).")
  var path: String
  @Flag(help: "Replace the file if it is there.")
  var force = false
  @OptionGroup var output: OutputOptions

  func validate() throws {
    if count < 1 { throw ValidationError("--count must be at least 1, got \(count)") }
    if !(noiseScale >= 0 && noiseScale.isFinite) {
      throw ValidationError("--noise-scale must be at least 0, got \(noiseScale)")
    }
    if threads < 0 { throw ValidationError("--threads must be at least 0, got \(threads)") }
  }

  func run() throws {
    let printer = RecordPrinter(output)
    try GenerateBenchmark.run(
      try BenchmarkData(vectorsPath: vectors, metric: metric), count: count, noise: noise,
      noiseScale: noiseScale, seed: seed,
      threads: threads, path: path, force: force, printer.put)
    printer.finish()
  }
}

/// `moult bench difficulty`.
struct BenchDifficulty: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "difficulty",
    abstract: "How hard a set is to search: local intrinsic dimension and relative contrast at its queries.",
    discussion: "Looks at the --k nearest rows of each query; 20 to 100 are usual.")

  @OptionGroup var data: BenchDataOptions
  @OptionGroup var options: BenchRunOptions
  @OptionGroup var output: OutputOptions

  func run() throws {
    let printer = RecordPrinter(output)
    try DifficultyBenchmark.run(
      try data.load(), try options.options(EncodingSpecification(), k: data.k), printer.put)
    printer.finish()
  }
}
