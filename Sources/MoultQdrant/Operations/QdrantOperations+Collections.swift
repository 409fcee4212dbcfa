internal import HTTPTypes
internal import MoultEngine
internal import MoultModel
internal import MoultServer

extension QdrantOperations {
  /// - Throws: 409 when there is one of that name, 400 when an alias has it, 422 for a name that cannot be.
  func create(_ name: String, _ body: QdrantFields) async throws {
    try QdrantName.check(collection: name)
    let own = QdrantName.encoded(name)
    guard own.utf8.count <= Name.lengthMax else {
      throw QdrantError.badRequest(
        "collection name '\(name.prefix(100))' takes \(own.utf8.count) bytes in Moult's names, more than \(Name.lengthMax); "
          + "choose a shorter one")
    }
    var definition = try VectorConfiguration.read(vectors: body["vectors"])
    definition.sparseVectors = try VectorConfiguration.read(sparse: body["sparse_vectors"])
    definition.sparseVectorsMade = definition.sparseVectors.count
    definition.settings = try CollectionSettings.read(body)
    guard Set(definition.names).count == definition.names.count else {
      throw QdrantError.wrongInput("dense and sparse vectors must have different names")
    }
    do {
      _ = try await engine.createCollection(
        own, schema: try schema(definition), specification: try specification(definition),
        fields: try definition.isNamed ? definition.vectors.map { try field($0, definition) } : [])
    } catch let error as MoultError where error.code == .collectionExists {
      throw QdrantError.exists("Collection `\(name)` already exists!")
    } catch let error as MoultError where error.code == .nameConflict {
      throw QdrantError.wrongInput(
        "Can't create collection with name \(name). Alias with the same name already exists")
    }
  }

  private func schema(_ definition: QdrantDefinition) throws -> CollectionSchema {
    guard !definition.isNamed, let vector = definition.vectors.first else {
      return CollectionSchema(
        dimension: PlaceholderField.dimension, metric: PlaceholderField.metric, keyKind: .mixed,
        keyField: QdrantDefinition.keyField, vectorField: PlaceholderField.name,
        annotations: definition.annotations)
    }
    return CollectionSchema(
      dimension: vector.size, metric: vector.distance.metric, keyKind: .mixed,
      keyField: QdrantDefinition.keyField, vectorField: vector.field, annotations: definition.annotations)
  }

  /// A stand-in is never searched: it gets no graph.
  private func specification(_ definition: QdrantDefinition) throws -> EncodingSpecification {
    guard !definition.isNamed, let vector = definition.vectors.first else { return EncodingSpecification() }
    return EncodingSpecification(index: try index(of: vector, definition))
  }

  func field(_ vector: QdrantDefinition.Vector, _ definition: QdrantDefinition) throws -> VectorField {
    VectorField(
      name: vector.field, dimension: vector.size, metric: vector.distance.metric,
      index: try index(of: vector, definition))
  }

  /// What a vector says goes before what the collection says. Under Manhattan nothing but reading all of them helps.
  func index(
    of vector: QdrantDefinition.Vector, _ definition: QdrantDefinition
  ) throws(QdrantError) -> IndexSpecification {
    guard vector.distance != .manhattan else { return .flat }
    let general = definition.settings["hnsw_config"]?.object ?? [:]
    return try CollectionSettings.graph(
      general.merging(vector.given["hnsw_config"]?.object ?? [:]), at: "hnsw_config")
  }

  /// Removes a collection, and the aliases that point to it: all of them, or none where the collection stays.
  ///
  /// - Parameter dropCollection: instead of the engine's, for tests.
  /// - Returns: `false` when there is none of that name.
  /// - Throws: 400 for an alias: Qdrant does nothing then and says so only by `false`.
  func drop(
    _ name: String, by dropCollection: (@Sendable (String) async throws -> Void)? = nil
  ) async throws -> Bool {
    let own = QdrantName.encoded(name)
    if let target = try? engine.describeAlias(own) {
      throw QdrantError.wrongInput(
        "`\(name)` is an alias of collection `\(QdrantName.decoded(target))`; nothing was deleted. Delete the collection "
          + "by its own name, or the alias by `POST /collections/aliases`")
    }
    for _ in 0..<Self.dropAttemptsMax {
      try requireNoCopy(of: own, name)
      do {
        let aliases = ((try? engine.listAliases(of: own)) ?? []).map { $0.alias }
        if !aliases.isEmpty {
          // First what would keep the collection, so that its aliases are gone only for a moment if it stays.
          try await cancelJobs(of: own)
          try await engine.changeAliases(aliases.map { .drop($0, ifExists: true) })
        }
        do {
          if let dropCollection {
            try await dropCollection(own)
          } else {
            try await engine.dropCollection(own)
          }
        } catch {
          await putBack(aliases, of: own)
          throw error
        }
        return true
      } catch let error as MoultError where error.code == .collectionNotFound {
        return false
      } catch let error as MoultError where error.code == .collectionHasAliases {
        continue
      } catch let error as MoultError where error.code == .switchInProgress {
        try await cancelJobs(of: own)
      }
    }
    throw QdrantError(
      status: .serviceUnavailable,
      message: "Service unavailable: collection `\(name)` is being worked on; cancel its jobs, then delete it"
    )
  }

  private static let dropAttemptsMax = 20

  /// Gives a collection that stays its aliases again, but for those that somebody has made of another by now.
  private func putBack(_ aliases: [String], of name: String) async {
    guard !aliases.isEmpty else { return }
    // A task of its own: a client that hangs up must not cost the aliases.
    await Task {
      for alias in aliases { _ = try? await engine.changeAliases([.create(alias, collection: name)]) }
    }.value
  }

  /// - Throws: 400 while the collection is being copied into another one: its points are nowhere else yet.
  private func requireNoCopy(of own: String, _ name: String) throws {
    let copy = try jobs(of: own).first { !$0.state.isFinal && ["reindex", "reembed"].contains($0.kind) }
    guard let copy else { return }
    throw QdrantError.wrongInput(
      "collection `\(name)` is being copied by job \(copy.id) (\(copy.kind)) and was not deleted; wait for the job, or cancel "
        + "it (`moult jobs cancel \(copy.id)`)")
  }

  /// Ends what works on a collection that is to be deleted.
  private func cancelJobs(of name: String) async throws {
    for job in try jobs(of: name) where !job.state.isFinal {
      do {
        let cancelled = try await engine.cancelJob(job.id)
        if !cancelled.state.isFinal {
          _ = try await engine.waitForJob(job.id, changedSince: cancelled, seconds: 5)
        }
      } catch let error as MoultError where error.code == .jobStateConflict || error.code == .jobNotFound {
        continue
      }
    }
  }

  /// Jobs on a collection and on its vector fields, the newest first.
  func jobs(of name: String) throws -> [MoultModel.JobInfo] {
    try engine.jobs(limit: 200).filter {
      $0.subject == name || $0.subject.hasPrefix(FieldName.joined(name, ""))
    }
  }

  /// Names of collections that can be used, of those that the caller may see.
  func names() throws -> [String] {
    try engine.listCollections().filter { $0.ready && !$0.name.utf8.contains(UInt8(ascii: ".")) }
      .map { QdrantName.decoded($0.name) }.filter(Self.mayRead)
  }

  func has(_ name: String) -> Bool { engine.hasCollection(QdrantName.encoded(name)) }

  /// Changes what is kept about a collection.
  ///
  /// - Throws: 404; 400 for a collection that another protocol has defined.
  func alter(
    _ name: String, _ change: @escaping @Sendable (inout QdrantDefinition) throws -> Void
  ) async throws {
    do {
      try await engine.annotate(QdrantName.encoded(name)) { info in
        try Self.requireOwn(info)
        let old = try QdrantDefinition(of: info)
        var new = old
        try change(&new)
        return new == old ? info.schema.annotations : new.annotations
      }
    } catch let error as MoultError where error.code == .collectionNotFound {
      throw QdrantError.noCollection(name)
    }
  }

  /// - Throws: 400 where another protocol's clients have said what the collection is.
  static func requireOwn(_ info: CollectionInfo) throws(QdrantError) {
    guard let annotations = info.schema.annotations, !annotations.hasPrefix(QdrantDefinition.mark) else {
      return
    }
    throw .badRequest(
      "collection `\(QdrantName.decoded(info.name))` was defined by clients of another protocol; change it over that one"
    )
  }
}
