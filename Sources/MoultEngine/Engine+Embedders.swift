import MoultJobs
package import MoultModel
import MoultStorage

// Models that make vectors of texts, and which of them made those of a collection.
extension Engine {
  /// Names what opens embedders; jobs that waited for it begin at their next attempt.
  package func callEmbedders(with source: any EmbedderSource) { resources.embedderSource.set(source) }

  /// By name.
  package var embedders: [Embedder] { resources.embedders.all }

  /// The embedder that made a collection's vectors, as far as that is known.
  ///
  /// - Throws: `collectionNotFound`.
  package func embedder(of name: String) throws -> Embedder? {
    resources.embedders.embedder(ofCollection: try aliases.resolveReady(name).id)
  }

  /// Keeps an embedder; it is not asked anything.
  ///
  /// - Throws: `invalidArgument` (a value out of range, a host that the server may not call, a name that is taken).
  package func addEmbedder(_ embedder: Embedder) async throws {
    try embedder.validate()
    try resources.embedderSource.source().check(embedder)
    try await resources.embedders.gate.run { [resources] in
      try await resources.directory.write { db in
        try resources.directory.catalog.insertEmbedder(embedder, in: db)
      }
      resources.embedders.insert(embedder)
    }
  }

  /// - Throws: `invalidArgument` when there is none, when collections have it, and while a job uses it.
  package func removeEmbedder(_ name: String) async throws {
    try await resources.embedders.gate.run { [resources] in
      try await resources.directory.write { db in
        let job = try resources.queue.unfinished(in: db).first {
          $0.kind == ReindexJob.embeddingKind && ReindexJob.embedderName(of: $0) == name
        }
        if let job {
          throw MoultError(
            .invalidArgument, "job \(job.id) makes vectors with '\(name)'; wait for it, or cancel it first")
        }
        try resources.directory.catalog.deleteEmbedder(name, in: db)
      }
      resources.embedders.remove(name)
    }
  }

  /// Says which model made the vectors that a collection has already, so that it can be asked with text.
  ///
  /// - Parameter embedder: `nil` for none.
  /// - Throws: `collectionNotFound`, `invalidArgument` (no such embedder), `dimensionMismatch`.
  package func setEmbedder(_ embedder: String?, of name: String) async throws {
    try await resources.embedders.gate.run { [resources, aliases] in
      let collection = try aliases.resolveReady(name)
      if let embedder {
        let known = try resources.embedders.embedder(embedder)
        guard known.dimension == collection.schema.dimension else {
          throw MoultError(
            .dimensionMismatch,
            "embedder '\(embedder)' makes \(known.dimension)-dimensional vectors, and '\(collection.name)' stores "
              + "\(collection.schema.dimension)-dimensional ones")
        }
      }
      try await resources.directory.write { db in
        try resources.directory.catalog.setEmbedder(embedder, of: collection.id, in: db)
      }
      resources.embedders.set(embedder, ofCollection: collection.id)
    }
  }
}
