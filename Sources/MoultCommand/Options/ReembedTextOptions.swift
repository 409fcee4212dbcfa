public import ArgumentParser
public import MoultModel

extension MissingTextPolicy: ExpressibleByArgument {}

/// Which texts a re-embedding is about.
struct ReembedTextOptions: ParsableArguments {
  @Option(help: "Name of the embedder: `moult embedder list`.")
  var embedder: String?
  @Option(help: "What is embedded: names of payload fields in braces, such as '{title}: {body}'.")
  var text: String?
  @Option(
    help: "Of points that lack a field of --text: skip, empty (take the fields that are there) or fail.")
  var missing: MissingTextPolicy = .fail

  func validate() throws {
    guard let text else { return }
    do { _ = try TextTemplate(text) } catch { throw ValidationError(error.message) }
  }
}
