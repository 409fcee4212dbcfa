internal import MoultModel
internal import MoultServer

/// What a collection is told to be beside its vectors, and what it is where nothing was said.
enum CollectionSettings {
  /// Members of a new collection that are kept and told again.
  static let kept = [
    "shard_number", "sharding_method", "replication_factor", "write_consistency_factor", "on_disk_payload",
    "payload",
    "id_tracker", "hnsw_config", "wal_config", "optimizers_config", "quantization_config",
    "strict_mode_config",
    "metadata",
  ]

  /// - Throws: 400, 422 for values that cannot be.
  static func read(_ fields: QdrantFields) throws(QdrantError) -> JSONObject {
    var settings = JSONObject()
    for name in kept {
      guard let value = fields[name] else { continue }
      settings[name] = value.object.map { .object(name == "metadata" ? $0 : $0.withoutNulls) } ?? value
    }
    if settings["optimizers_config"] == nil, let value = fields["optimizer_config"]?.object {
      settings["optimizers_config"] = .object(value.withoutNulls)
    }
    if settings["quantization_config"] == nil, let value = fields["quantization"]?.object {
      settings["quantization_config"] = .object(value.withoutNulls)
    }
    try check(settings)
    return settings
  }

  static func check(_ settings: JSONObject) throws(QdrantError) {
    try QuantizationTranslation.check(settings["quantization_config"], at: "quantization_config")
    for name in ["hnsw_config", "optimizers_config", "wal_config", "strict_mode_config", "metadata"] {
      if let value = settings[name], value.object == nil {
        throw .format("\(name): invalid type: expected an object, got \(value.kind)")
      }
    }
    for name in ["shard_number", "replication_factor", "write_consistency_factor"] {
      _ = try QdrantFields(settings).count(name, atLeast: 1)
    }
    _ = try QdrantFields(settings).bool("on_disk_payload")
    _ = try graph(settings["hnsw_config"]?.object, at: "hnsw_config")
  }

  /// The index that `hnsw_config` asks for: none for `m` 0, a graph of that width where it is given, otherwise what
  /// suits the size.
  static func graph(_ config: JSONObject?, at path: String) throws(QdrantError) -> IndexSpecification {
    guard let config else { return .automatic }
    let fields = QdrantFields(config, at: path)
    let m = try fields.count("m")
    let efConstruct = try fields.count("ef_construct", atLeast: 4)
    _ = try fields.count("full_scan_threshold", atLeast: 10)
    if m == 0 { return .flat }
    guard m != nil || efConstruct != nil else { return .automatic }
    // Widths beyond what the engine takes become the nearest that it does.
    return .hnsw(m: min(max(m ?? 16, 2), 256), efConstruction: min(efConstruct ?? 100, 10_000))
  }

  // MARK: As it is told

  /// `config` of a collection: what was said, and Qdrant's defaults where clients want a value.
  static func write(_ definition: QdrantDefinition, to json: inout JSONWriter) {
    let settings = definition.settings
    json.beginObject()
    json.key("params")
    json.beginObject()
    writeVectors(definition, to: &json)
    for (name, standard) in [("shard_number", 1), ("replication_factor", 1), ("write_consistency_factor", 1)]
    {
      json.member(name, settings[name] ?? .int(Int64(standard)))
    }
    json.member("on_disk_payload", settings["on_disk_payload"] ?? .bool(true))
    for name in ["sharding_method", "payload", "id_tracker", "read_fan_out_factor", "read_fan_out_delay_ms"] {
      if let value = settings[name] { json.member(name, value) }
    }
    if !definition.sparseVectors.isEmpty {
      json.key("sparse_vectors")
      json.value(
        .object(JSONObject(definition.sparseVectors.map { .init(key: $0.name, value: .object($0.given)) })))
    }
    json.endObject()
    json.member("hnsw_config", .object(hnswDefaults.merging(settings["hnsw_config"]?.object ?? [:])))
    json.member(
      "optimizer_config", .object(optimizerDefaults.merging(settings["optimizers_config"]?.object ?? [:])))
    json.member("wal_config", .object(walDefaults.merging(settings["wal_config"]?.object ?? [:])))
    for name in ["quantization_config", "strict_mode_config", "metadata"] {
      if let value = settings[name] { json.member(name, value) }
    }
    json.endObject()
  }

  private static func writeVectors(_ definition: QdrantDefinition, to json: inout JSONWriter) {
    json.key("vectors")
    let given =
      definition.vectors.map { ($0.name, $0.given) } + definition.multiVectors.map { ($0.name, $0.given) }
    if !definition.isNamed, given.count == 1, given[0].0.isEmpty { return json.value(.object(given[0].1)) }
    json.value(.object(JSONObject(given.map { .init(key: $0.0, value: .object($0.1)) })))
  }

  private static let hnswDefaults: JSONObject = [
    "m": .int(16), "ef_construct": .int(100), "full_scan_threshold": .int(10_000),
    "max_indexing_threads": .int(0),
    "on_disk": .bool(false),
  ]
  private static let optimizerDefaults: JSONObject = [
    "deleted_threshold": .double(0.2), "vacuum_min_vector_number": .int(1_000),
    "default_segment_number": .int(0),
    "indexing_threshold": .int(10_000), "flush_interval_sec": .int(5),
  ]
  private static let walDefaults: JSONObject = [
    "wal_capacity_mb": .int(32), "wal_segments_ahead": .int(0),
  ]
}
