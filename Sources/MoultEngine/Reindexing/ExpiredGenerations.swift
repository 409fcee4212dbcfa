import MoultModel
import MoultStorage

/// Which of the earlier generations are kept no longer, and why.
struct ExpiredGenerations: Sendable {
  let resources: EngineResources
  let aliases: AliasTable

  struct Expired: Sendable {
    var collection: Collection
    var generation: Int64
    /// The option that ends it.
    var reason: String
  }

  /// - Parameter now: milliseconds since 1970.
  func find(at now: Int64) throws -> [Expired] {
    let retention = resources.configuration.retention
    guard retention != GenerationRetention() else { return [] }
    // The one retired last first. A generation was retired when the one that is live became it.
    let retained = aliases.current.collections.values
      .filter { $0.isReady && $0.snapshot.previous != nil }
      .map { (collection: $0, retiredAt: $0.snapshot.live.publishedAt ?? $0.createdAt) }
      .sorted { ($0.retiredAt, $0.collection.id) > ($1.retiredAt, $1.collection.id) }
    var bytes = 0
    var expired: [Expired] = []
    for (collection, retiredAt) in retained {
      guard let generation = collection.snapshot.previous?.id else { continue }
      if let seconds = retention.seconds, Double(now) - Double(retiredAt) >= 1_000 * seconds {
        expired.append(
          Expired(
            collection: collection, generation: generation, reason: "moult serve --keep-generations-for"))
        continue
      }
      guard let bytesMax = retention.bytes else { continue }
      bytes += try resources.directory.bytes(ofGeneration: generation)
      if bytes > bytesMax {
        expired.append(
          Expired(
            collection: collection, generation: generation, reason: "moult serve --keep-generations-bytes"))
      }
    }
    return expired
  }
}

extension DataDirectory {
  /// What a generation's files take; a graph that it shares with another one counts for both.
  func bytes(ofGeneration id: Int64) throws -> Int {
    let files = try read { db in
      try catalog.generationSegments(of: id, in: db).flatMap { [$0.codesFile, $0.graphFile] }
        + [try catalog.generation(id, in: db).encoderFile]
    }
    return try files.compactMap { $0 }.reduce(0) { $0 + (try fileSystem.size(atPath: absolutePath($1)) ?? 0) }
  }
}
