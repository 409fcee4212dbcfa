import MoultModel

extension EmbedderTable {
  /// - Parameters:
  ///   - model: its own name, or the embedder's.
  ///   - what: of the model, in the plural, such as `vectors`.
  /// - Throws: `invalidArgument` when the vectors of the collection are of another model, or of none that is known.
  func require(_ model: String, of collection: Collection, what: String) throws {
    let embedder = embedder(ofCollection: collection.id)
    if let embedder, embedder.isCalled(model) { return }
    throw MoultError(
      .invalidArgument,
      "the \(what) are said to be of the model '\(model.prefix(300))', and the vectors of '\(collection.name)' are of "
        + "\(embedder.map { "'\($0.model ?? $0.name)'" } ?? "one that is not known"); embed them by that")
  }
}
