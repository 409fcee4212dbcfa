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
  /// - Parameters:
  ///   - model: in place of the collection's own: one that it is being embedded by, by its own name or the embedder's.
  ///   - request: what else is asked; its queries are not looked at.
  /// - Throws: as ``search(_:in:)``; `invalidArgument` for a collection without an embedder, for another model, and for
  ///   texts that the model does not take; `unavailable` and `overloaded` when it does not answer.
  package func search(
    texts: [String], ofModel model: String? = nil, _ request: SearchRequest, in name: String
  ) async throws -> SearchResponse {
    try Self.check(texts: texts)
    var isSecond = false
    while true {
      do {
        switch try asked(name, model) {
        case .bridge(let open):
          let vectors = try await QueryEmbedding(open.stage.order.embedder, resources).vectors(of: texts)
          return try await search(vectors.flatMap { $0 }, over: open, request)
        case .collection(let collection):
          let embedder = try embedder(ofTextsFor: collection)
          var request = request
          request.dimension = collection.schema.dimension
          request.queries = try await QueryEmbedding(embedder, resources).vectors(of: texts).flatMap { $0 }
          return try await search(request, in: collection)
        }
      } catch let error as MoultError where error.code == .collectionNotFound && !isSecond {
        // Dropped while the model was asked: the alias points elsewhere now.
        isSecond = true
      }
    }
  }

  /// A search with vectors that are said to be of a model: refused where those of the collection that answers are of
  /// another, or of none that is known, unless it is being embedded by that model.
  ///
  /// - Parameter model: its own name, or the embedder's.
  /// - Throws: as ``search(_:in:)``; `invalidArgument` for another model.
  package func search(
    _ request: SearchRequest, ofModel model: String, in name: String
  ) async throws -> SearchResponse {
    switch try asked(name, model) {
    case .collection(let collection): return try await search(request, in: collection)
    case .bridge(let open): return try await search(request.queries, over: open, request)
    }
  }

  /// Vectors of texts, for whoever searches with them himself.
  ///
  /// - Parameters:
  ///   - model: what they are to be of; refused where the vectors of the collection are of another.
  ///   - name: the collection's own, or a vector field's: under an alias another one might answer than was asked about.
  /// - Throws: as ``search(texts:ofModel:_:in:)``.
  package func queryVectors(
    of texts: [String], ofModel model: String? = nil, in name: String
  ) async throws -> [[Float]] {
    try Self.check(texts: texts)
    guard case .collection(let collection) = try asked(name, model) else {
      throw MoultError(
        .unsupported,
        "the vectors of '\(model ?? name)' are still being made; Moult's own API answers its queries before that"
      )
    }
    return try await QueryEmbedding(try embedder(ofTextsFor: collection), resources).vectors(of: texts)
  }

  private static func check(texts: [String]) throws {
    guard (1...queryTextsMax).contains(texts.count) else {
      throw MoultError(.invalidArgument, "a request takes 1 … \(queryTextsMax) texts, got \(texts.count)")
    }
    if let long = texts.first(where: { $0.utf8.count > queryTextBytesMax }) {
      throw MoultError(.tooLarge, "a text has at most \(queryTextBytesMax) bytes, got \(long.utf8.count)")
    }
  }

  func embedder(ofTextsFor collection: Collection) throws -> Embedder {
    guard let embedder = resources.embedders.embedder(ofCollection: collection.id) else {
      throw MoultError(
        .invalidArgument,
        "it is not known which model made the vectors of '\(collection.name)'; search with vectors, or name it with "
          + "`moult embedder bind \(collection.name) EMBEDDER`")
    }
    return embedder
  }

  private enum Asked {
    case collection(Collection)
    case bridge(BridgeTable.Open)
  }

  /// What answers queries of a model.
  private func asked(_ name: String, _ model: String?) throws -> Asked {
    let map = aliases.current
    let collection = try map.opened(name)
    // One that is being made answers over its bridge, by its own model.
    if !collection.isReady, let open = resources.bridges[target: collection.id],
      model.map(open.stage.order.embedder.isCalled) ?? true
    {
      return .bridge(open)
    }
    let ready = try map.searched(name)
    guard let model else { return .collection(ready) }
    if resources.embedders.embedder(ofCollection: ready.id)?.isCalled(model) != true,
      let open = resources.bridges.bridge(from: ready.id, toModel: model)
    {
      return .bridge(open)
    }
    try resources.embedders.require(model, of: ready, what: "queries")
    return .collection(ready)
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
