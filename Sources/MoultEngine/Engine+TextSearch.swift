package import MoultModel
import MoultStorage
import Synchronization

extension Engine {
  /// Texts of one request at most.
  package static let queryTextsMax = 64
  private static let queryTextBytesMax = 65_536

  /// A search with texts in place of vectors: the model that made the vectors of the collection that answers makes those
  /// of the queries.
  ///
  /// The name is looked up once, so an alias that moves meanwhile changes model, codes and index together or not at all.
  ///
  /// - Parameter request: what else is asked; its queries are not looked at.
  /// - Throws: as ``search(_:in:)``; `invalidArgument` for a collection without an embedder, and for texts that the model
  ///   does not take; `unavailable` and `overloaded` when it does not answer.
  package func search(texts: [String], _ request: SearchRequest, in name: String) async throws
    -> SearchResponse
  {
    var isSecond = false
    while true {
      let collection = try aliases.resolveReady(name)
      var request = request
      request.dimension = collection.schema.dimension
      request.queries = try await vectors(ofQueries: texts, for: collection)
      do {
        return try await search(request, in: collection)
      } catch let error as MoultError where error.code == .collectionNotFound && !isSecond {
        // Dropped while the model was asked: the alias points elsewhere now.
        isSecond = true
      }
    }
  }

  /// A search with vectors that are said to be of a model: refused where those of the collection that answers are of
  /// another, or of none that is known.
  ///
  /// - Parameter model: its own name, or the embedder's.
  /// - Throws: as ``search(_:in:)``; `invalidArgument` for another model.
  package func search(
    _ request: SearchRequest, ofModel model: String, in name: String
  ) async throws -> SearchResponse {
    let collection = try aliases.resolveReady(name)
    let embedder = resources.embedders.embedder(ofCollection: collection.id)
    guard let embedder, embedder.model == model || embedder.name == model else {
      throw MoultError(
        .invalidArgument,
        "the queries are said to be of the model '\(model.prefix(300))', and the vectors of '\(collection.name)' are of "
          + "\(embedder.map { "'\($0.model ?? $0.name)'" } ?? "one that is not known"); embed the queries by that"
      )
    }
    return try await search(request, in: collection)
  }

  private func vectors(ofQueries texts: [String], for collection: Collection) async throws -> [Float] {
    guard let embedder = resources.embedders.embedder(ofCollection: collection.id) else {
      throw MoultError(
        .invalidArgument,
        "it is not known which model made the vectors of '\(collection.name)'; search with vectors, or name it with "
          + "`moult embedder bind \(collection.name) EMBEDDER`")
    }
    guard (1...Self.queryTextsMax).contains(texts.count) else {
      throw MoultError(
        .invalidArgument, "a request takes 1 … \(Self.queryTextsMax) texts, got \(texts.count)")
    }
    if let long = texts.first(where: { $0.utf8.count > Self.queryTextBytesMax }) {
      throw MoultError(
        .tooLarge, "a text has at most \(Self.queryTextBytesMax) bytes, got \(long.utf8.count)")
    }
    if embedder.isFile {
      throw MoultError(
        .unsupported,
        "the vectors of '\(collection.name)' are from files (embedder '\(embedder.name)'), which answer no texts; search "
          + "with vectors")
    }
    let model = try resources.embedderSource.source().open(embedder)
    let prefixed = texts.map { embedder.queryPrefix + $0 }
    let keys = prefixed.map { EmbeddingText.key($0, identity: model.identity) }
    var known = resources.queryVectors.vectors(keys)
    let missing = keys.indices.filter { known[keys[$0]] == nil }
    for first in stride(from: 0, to: missing.count, by: embedder.batchTexts) {
      let places = missing[first..<min(missing.count, first + embedder.batchTexts)]
      for (place, vector) in zip(places, try await ask(model, places.map { prefixed[$0] }, embedder)) {
        known[keys[place]] = vector
        resources.queryVectors.keep(vector, for: keys[place])
      }
    }
    return keys.flatMap { known[$0] ?? [] }
  }

  private func ask(_ model: any TextEmbedding, _ texts: [String], _ embedder: Embedder) async throws
    -> [[Float]]
  {
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

/// Vectors of the latest queries.
final class QueryVectors: Sendable {
  private static let countMax = 512

  private struct State {
    var young: [EmbeddingCache.Key: [Float]] = [:]
    /// What was asked for before, and is let go unless it is asked for again.
    var old: [EmbeddingCache.Key: [Float]] = [:]

    mutating func keep(_ vector: [Float], for key: EmbeddingCache.Key) {
      if young.count >= QueryVectors.countMax {
        old = young
        young = [:]
      }
      young[key] = vector
    }
  }

  private let state = Mutex(State())

  func vectors(_ keys: [EmbeddingCache.Key]) -> [EmbeddingCache.Key: [Float]] {
    state.withLock { state in
      var found: [EmbeddingCache.Key: [Float]] = [:]
      for key in keys {
        if let vector = state.young[key] {
          found[key] = vector
        } else if let vector = state.old[key] {
          state.keep(vector, for: key)
          found[key] = vector
        }
      }
      return found
    }
  }

  func keep(_ vector: [Float], for key: EmbeddingCache.Key) { state.withLock { $0.keep(vector, for: key) } }
}
