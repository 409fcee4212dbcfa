internal import ArgumentParser

/// How much of a list is shown, of which server, and how.
struct ListOptions: ParsableArguments {
  @Option(help: "At most this many.")
  var limit = 100
  @OptionGroup var server: ServerOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    if !(1...10_000).contains(limit) {
      throw ValidationError("--limit must lie in 1 … 10000, got \(limit)")
    }
  }
}
