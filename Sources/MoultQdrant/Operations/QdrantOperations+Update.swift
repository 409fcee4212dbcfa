internal import MoultEngine
internal import MoultModel
internal import MoultServer
internal import Synchronization

extension QdrantOperations {
  /// `PATCH` of a collection. Another quantization begins a job that encodes, measures and swaps, for each vector that
  /// it is about; placement alone begins nothing.
  func update(_ name: String, _ body: QdrantFields) async throws {
    let collection = try describe(name)
    try Self.requireOwn(collection.info)
    let change = try CollectionChange(body, of: collection)
    var definition = collection.definition
    try change.apply(to: &definition)
    try await startSwitches(of: collection, to: definition)
    try await alter(name) { try change.apply(to: &$0) }
  }

  /// The quantization that a vector is to have: its own, or the collection's.
  private func wanted(
    _ vector: QdrantDefinition.Vector, _ definition: QdrantDefinition
  ) throws(QdrantError) -> EncodingSpecification {
    let index = try index(of: vector, definition)
    guard vector.distance != .manhattan else { return EncodingSpecification(index: index) }
    let own = vector.given["quantization_config"]
    let json = own ?? definition.settings["quantization_config"]
    return try QuantizationTranslation.specification(json, at: "quantization_config", index: index)
      ?? EncodingSpecification(index: index)
  }

  /// Starts what makes the vectors' forms those of a definition, where they are others and there is enough to learn
  /// from.
  private func startSwitches(of collection: QdrantCollection, to definition: QdrantDefinition) async throws {
    for vector in definition.vectors {
      guard let described = try? collection.vector(using: vector.name),
        collection.count(of: described) ?? 0 >= Self.rowsToLearnFrom
      else { continue }
      let specification = try wanted(vector, definition)
      let live = try engine.describeCollection(described.target)
      let form = live.fields.first { $0.name == described.field }?.generation ?? live.generation
      let unfinished = try engine.jobs(subject: described.target, limit: 20)
        .filter { !$0.state.isFinal && $0.kind == Self.switchKind }
      // What is under way may come to the same.
      guard form.specification != specification || !unfinished.isEmpty else { continue }
      var request = SwitchRequest(specification: specification)
      request.after = unfinished.map(\.id)
      _ = try await engine.startSwitch(described.target, request)
    }
  }

  static let switchKind = "switch"
  /// Codes that were learned from fewer vectors would serve those that follow badly.
  private static let rowsToLearnFrom = 1_000

  /// A collection is created with a quantization before there is anything to learn it from: this begins once there is,
  /// and again when there is twice as much, should it have failed.
  ///
  /// - Parameter name: the engine's own.
  func startWantedSwitches(of name: String) async {
    guard let info = try? engine.describeCollection(name), let collection = try? QdrantCollection(info),
      collection.info.count >= Self.rowsToLearnFrom,
      collection.info.schema.annotations?.contains("\"quantization_config\"") == true
    else { return }
    let isDue = Self.tried.withLock { tried in
      guard collection.info.count >= 2 * tried[collection.info.id, default: 0] else { return false }
      tried[collection.info.id] = collection.info.count
      return true
    }
    guard isDue else { return }
    try? await startSwitches(of: collection, to: collection.definition)
  }

  /// Points that collections had when a switch was begun for them, by their ids.
  private static let tried = Mutex<[Int64: Int]>([:])
}

/// What a `PATCH` says.
private struct CollectionChange: Sendable {
  private var settings = JSONObject()
  private var vectors: [(name: String, given: JSONObject)] = []
  private var sparseVectors: [(name: String, given: JSONObject)] = []

  init(_ body: QdrantFields, of collection: QdrantCollection) throws(QdrantError) {
    for (member, name) in [
      ("hnsw_config", "hnsw_config"), ("optimizers_config", "optimizers_config"),
      ("optimizer_config", "optimizers_config"), ("strict_mode_config", "strict_mode_config"),
      ("metadata", "metadata"),
    ] {
      guard let fields = try body.fields(member) else { continue }
      settings[name] = .object(name == "metadata" ? fields.object : fields.object.withoutNulls)
    }
    for member in try body.fields("params")?.object.withoutNulls.members ?? [] {
      settings[member.key] = member.value
    }
    try CollectionSettings.check(settings)
    settings["quantization_config"] = body["quantization_config"]
    try QuantizationTranslation.check(body["quantization_config"], at: "quantization_config")
    for member in try body.fields("vectors")?.object.members ?? [] {
      let vector = try collection.vector(using: member.key)
      guard vector.kind != .sparse else {
        throw .wrongInput("Not existing vector name error: \(member.key)")
      }
      let fields = try QdrantFields(member.value, at: "vectors.\(member.key)")
      try QuantizationTranslation.check(
        fields["quantization_config"], at: fields.place("quantization_config"))
      _ = try CollectionSettings.graph(
        try fields.fields("hnsw_config")?.object, at: fields.place("hnsw_config"))
      vectors.append((member.key, fields.object.withoutNulls))
    }
    for member in try body.fields("sparse_vectors")?.object.members ?? [] {
      guard collection.definition.sparseVectors.contains(where: { $0.name == member.key }) else {
        throw .wrongInput("Not existing vector name error: \(member.key)")
      }
      let fields = try QdrantFields(member.value, at: "sparse_vectors.\(member.key)")
      _ = try VectorConfiguration.sparse(fields, name: member.key, number: 0)
      sparseVectors.append((member.key, fields.object.withoutNulls))
    }
  }

  func apply(to definition: inout QdrantDefinition) throws {
    for member in settings.members {
      switch (member.key, member.value) {
      case ("quantization_config", .string): definition.settings["quantization_config"] = nil
      // Another kind replaces the one that is there.
      case ("quantization_config", let value): definition.settings["quantization_config"] = value
      case (_, .object(let new)):
        let old = definition.settings[member.key]?.object ?? [:]
        let merged = old.merging(new)
        // A null takes a member of the metadata out.
        definition.settings[member.key] = .object(member.key == "metadata" ? merged.withoutNulls : merged)
      case (_, let value): definition.settings[member.key] = value
      }
    }
    for (name, given) in vectors {
      let place = definition.vectors.firstIndex { $0.name == name }
      // Of a multivector all of it is told, and has no effect.
      let multi = definition.multiVectors.firstIndex { $0.name == name }
      var new =
        place.map { definition.vectors[$0].given } ?? multi.map { definition.multiVectors[$0].given } ?? [:]
      for member in given.members {
        switch (member.key, member.value) {
        case ("quantization_config", .string): new["quantization_config"] = nil
        case ("quantization_config", let value): new["quantization_config"] = value
        case ("hnsw_config", .object(let value)):
          new["hnsw_config"] = .object((new["hnsw_config"]?.object ?? [:]).merging(value))
        default: new[member.key] = member.value
        }
      }
      if let place { definition.vectors[place].given = new }
      if let multi { definition.multiVectors[multi].given = new }
    }
    for (name, given) in sparseVectors {
      guard let place = definition.sparseVectors.firstIndex(where: { $0.name == name }) else { continue }
      definition.sparseVectors[place].given = definition.sparseVectors[place].given.merging(given)
    }
  }
}
