import MoultModel

/// Makes vectors of texts that are searched for, as the model of a collection does.
struct QueryEmbedding: Sendable {
  let embedder: Embedder
  private let model: any TextEmbedding
  private let kept: QueryVectors

  /// - Throws: `unsupported` for files, which answer no texts; what hinders the server to call the model.
  init(_ embedder: Embedder, _ resources: EngineResources) throws {
    guard !embedder.isFile else {
      throw MoultError(
        .unsupported,
        "embedder '\(embedder.name)' is a file of vectors, which answers no texts; search with vectors")
    }
    self.embedder = embedder
    model = try resources.embedderSource.source().open(embedder)
    kept = resources.queryVectors
  }

  /// - Parameter texts: without the embedder's prefix.
  /// - Returns: one vector each.
  /// - Throws: `invalidArgument` for texts that the model does not take; `unavailable` and `overloaded` when it does
  ///   not answer.
  func vectors(of texts: [String]) async throws -> [[Float]] {
    let prefixed = texts.map { embedder.queryPrefix + $0 }
    let keys = prefixed.map { EmbeddingText.key($0, identity: model.identity) }
    var known = kept.vectors(keys)
    let missing = keys.indices.filter { known[keys[$0]] == nil }
    for first in stride(from: 0, to: missing.count, by: embedder.batchTexts) {
      let places = missing[first..<min(missing.count, first + embedder.batchTexts)]
      for (place, vector) in zip(places, try await ask(places.map { prefixed[$0] })) {
        known[keys[place]] = vector
        kept.keep(vector, for: keys[place])
      }
    }
    return keys.compactMap { known[$0] }
  }

  /// The same, asked again while the model is away.
  func vectors(of texts: [String], patienceSeconds: Double) async throws -> [[Float]] {
    let start = ContinuousClock.now
    var vectors: [[Float]] = []
    var failures = 0
    while vectors.count < texts.count {
      let part = Array(texts[vectors.count..<min(texts.count, vectors.count + embedder.batchTexts)])
      do {
        vectors += try await self.vectors(of: part)
        failures = 0
      } catch let error as MoultError
        where [.unavailable, .overloaded].contains(error.code) && start.secondsToNow < patienceSeconds
      {
        failures += 1
        try await Task.sleep(for: .seconds(EmbeddingPace.waitSeconds(failures: failures)))
      }
    }
    return vectors
  }

  private func ask(_ texts: [String]) async throws -> [[Float]] {
    do {
      let outcomes = try await model.embed(texts).outcomes
      guard outcomes.count == texts.count else {
        throw EmbeddingFailure.passing("it gave \(outcomes.count) vectors for \(texts.count) texts")
      }
      return try outcomes.map { outcome in
        switch outcome {
        case .refused(let reason): throw EmbeddingFailure.refused(reason)
        case .vector(let vector):
          guard vector.count == embedder.dimension else {
            throw EmbeddingFailure.passing("it gave \(vector.count) entries, not \(embedder.dimension)")
          }
          if let fault = EmbeddingPass.fault(vector) { throw EmbeddingFailure.refused(fault) }
          return vector
        }
      }
    } catch let failure as EmbeddingFailure {
      let error = failure.error
      throw MoultError(
        error.code,
        "embedder '\(embedder.name)' could not be asked: \(error.message). Searches with vectors are not affected"
      )
    }
  }
}
