import MoultModel
import MoultStorage
import Synchronization

/// Embedders, and which of them made a collection's vectors: the catalog's rows in memory.
final class EmbedderTable: Sendable {
  private struct State {
    var embedders: [String: Embedder] = [:]
    var names: [Int64: String] = [:]
    var paces: [String: (embedder: Embedder, pace: SharedEmbeddingPace)] = [:]
  }

  private let state = Mutex(State())
  /// Held while it changes.
  let gate = SerialGate()

  func load(_ embedders: [Embedder], names: [Int64: String]) {
    state.withLock { state in
      state.embedders = Dictionary(uniqueKeysWithValues: embedders.map { ($0.name, $0) })
      state.names = names
    }
  }

  /// By name.
  var all: [Embedder] { state.withLock { $0.embedders.values.sorted { $0.name < $1.name } } }

  /// - Throws: `invalidArgument` when there is none.
  func embedder(_ name: String) throws -> Embedder {
    let (found, known) = state.withLock { ($0.embedders[name], $0.embedders.keys.sorted()) }
    guard let found else {
      throw MoultError(
        .invalidArgument,
        "there is no embedder '\(name.prefix(300))'; "
          + (known.isEmpty
            ? "add one with `moult embedder add`" : "there are \(known.joined(separator: ", "))"))
    }
    return found
  }

  /// The one that made the vectors of a collection; `nil` where that is not known.
  func embedder(ofCollection id: Int64) -> Embedder? {
    state.withLock { state in state.names[id].flatMap { state.embedders[$0] } }
  }

  /// One for all jobs of an embedder, so that its limits hold for all of them together, from pass to pass.
  func pace(of embedder: Embedder) -> SharedEmbeddingPace {
    state.withLock { state in
      if let present = state.paces[embedder.name], present.embedder == embedder { return present.pace }
      let pace = SharedEmbeddingPace(embedder)
      state.paces[embedder.name] = (embedder, pace)
      return pace
    }
  }

  func insert(_ embedder: Embedder) { state.withLock { $0.embedders[embedder.name] = embedder } }
  func remove(_ name: String) { state.withLock { $0.embedders[name] = nil } }
  func set(_ name: String?, ofCollection id: Int64) { state.withLock { $0.names[id] = name } }
}

/// The cache of vectors, opened when it is first needed.
final class EmbeddingCacheSlot: Sendable {
  private let directory: DataDirectory
  private let slot = Mutex<EmbeddingCache?>(nil)

  init(_ directory: DataDirectory) { self.directory = directory }

  func cache() throws -> EmbeddingCache {
    try slot.withLock { cache in
      if let cache { return cache }
      let made = try EmbeddingCache(in: directory)
      cache = made
      return made
    }
  }

  func close() {
    slot.withLock { cache in
      cache?.close()
      cache = nil
    }
  }
}
