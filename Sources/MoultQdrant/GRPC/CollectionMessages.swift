internal import MoultServer
internal import QdrantProto
internal import SwiftProtobuf

// Bodies of requests about collections, as REST takes them.

extension ProtoVectorsConfig {
  fileprivate var json: JSON {
    get throws {
      switch config {
      case .params(let one): return .object(try SettingMessages.json(one))
      case .paramsMap(let named): return try named.map.object { try SettingMessages.json($0) }
      case nil: return .object([:])
      }
    }
  }
}

extension ProtoSparseVectorConfig {
  fileprivate var json: JSON { get throws { try map.object { try SettingMessages.json($0) } } }
}

extension Dictionary where Key == String {
  /// In the order of the names: a map has none.
  fileprivate func object(_ json: (Value) throws -> JSONObject) rethrows -> JSON {
    .object(
      JSONObject(
        try sorted { $0.key < $1.key }.map {
          JSONObject.Member(key: $0.key, value: .object(try json($0.value)))
        }))
  }
}

extension ProtoQuantizationConfigDiff {
  fileprivate var json: JSON {
    get throws {
      if case .disabled? = quantization { return .string("Disabled") }
      return .object(try SettingMessages.json(self))
    }
  }
}

extension ProtoCreateCollection {
  var body: JSONObject {
    get throws {
      var body = JSONObject()
      if hasVectorsConfig { body["vectors"] = try vectorsConfig.json }
      if hasSparseVectorsConfig { body["sparse_vectors"] = try sparseVectorsConfig.json }
      if hasHnswConfig { body["hnsw_config"] = .object(try SettingMessages.json(hnswConfig)) }
      if hasWalConfig { body["wal_config"] = .object(try SettingMessages.json(walConfig)) }
      if hasOptimizersConfig {
        body["optimizers_config"] = .object(try SettingMessages.json(optimizersConfig))
      }
      if hasQuantizationConfig {
        body["quantization_config"] = .object(try SettingMessages.json(quantizationConfig))
      }
      if hasStrictModeConfig {
        body["strict_mode_config"] = .object(try SettingMessages.json(strictModeConfig))
      }
      if hasShardNumber { body["shard_number"] = JSON(shardNumber) }
      if hasOnDiskPayload { body["on_disk_payload"] = .bool(onDiskPayload) }
      if hasReplicationFactor { body["replication_factor"] = JSON(replicationFactor) }
      if hasWriteConsistencyFactor { body["write_consistency_factor"] = JSON(writeConsistencyFactor) }
      if hasShardingMethod {
        body["sharding_method"] = .string(shardingMethod == .custom ? "custom" : "auto")
      }
      if !metadata.isEmpty { body["metadata"] = .object(JSONObject(values: metadata)) }
      return body
    }
  }
}

extension ProtoUpdateCollection {
  var body: JSONObject {
    get throws {
      var body = JSONObject()
      if hasVectorsConfig {
        switch vectorsConfig.config {
        case .params(let one): body["vectors"] = .object(["": .object(try one.body)])
        case .paramsMap(let named): body["vectors"] = try named.map.object { try $0.body }
        case nil: break
        }
      }
      if hasSparseVectorsConfig { body["sparse_vectors"] = try sparseVectorsConfig.json }
      if hasHnswConfig { body["hnsw_config"] = .object(try SettingMessages.json(hnswConfig)) }
      if hasOptimizersConfig {
        body["optimizers_config"] = .object(try SettingMessages.json(optimizersConfig))
      }
      if hasParams { body["params"] = .object(try SettingMessages.json(params)) }
      if hasQuantizationConfig { body["quantization_config"] = try quantizationConfig.json }
      if hasStrictModeConfig {
        body["strict_mode_config"] = .object(try SettingMessages.json(strictModeConfig))
      }
      if !metadata.isEmpty { body["metadata"] = .object(JSONObject(values: metadata)) }
      return body
    }
  }
}

extension ProtoVectorParamsDiff {
  fileprivate var body: JSONObject {
    get throws {
      var body = JSONObject()
      if hasHnswConfig { body["hnsw_config"] = .object(try SettingMessages.json(hnswConfig)) }
      if hasQuantizationConfig { body["quantization_config"] = try quantizationConfig.json }
      if hasOnDisk { body["on_disk"] = .bool(onDisk) }
      return body
    }
  }
}

extension ProtoChangeAliases {
  var body: JSONObject {
    [
      "actions": .array(
        actions.map { action in
          switch action.action {
          case .createAlias(let create):
            .object([
              "create_alias": .object([
                "collection_name": .string(create.collectionName), "alias_name": .string(create.aliasName),
              ])
            ])
          case .renameAlias(let rename):
            .object([
              "rename_alias": .object([
                "old_alias_name": .string(rename.oldAliasName),
                "new_alias_name": .string(rename.newAliasName),
              ])
            ])
          case .deleteAlias(let delete):
            .object(["delete_alias": .object(["alias_name": .string(delete.aliasName)])])
          case nil: .object([:])
          }
        })
    ]
  }
}

extension ProtoCreateVectorNameRequest {
  var body: JSONObject {
    get throws {
      switch vectorConfig {
      case .denseConfig(let dense): return ["dense": .object(try SettingMessages.json(dense))]
      case .sparseConfig(let sparse): return ["sparse": .object(try SettingMessages.json(sparse))]
      case nil: return [:]
      }
    }
  }
}

extension ProtoCreateFieldIndexCollection {
  private static let types = ["keyword", "integer", "float", "geo", "text", "bool", "datetime", "uuid"]

  var body: JSONObject {
    get throws {
      var body: JSONObject = ["field_name": .string(fieldName)]
      let type =
        hasFieldType
        ? Self.types.indices.contains(fieldType.rawValue) ? Self.types[fieldType.rawValue] : nil : nil
      var parameters: JSONObject?
      // `keyword_index_params`, `integer_index_params`, …: one of them.
      if hasFieldIndexParams, let member = try SettingMessages.json(fieldIndexParams).members.first {
        parameters = member.value.object
        if parameters?["prefix"]?.object != nil { parameters?["prefix"] = .bool(true) }
        if parameters?["scoring"]?.object != nil {
          parameters?["scoring"] = .object(["type": .string("bm25")])
        }
        parameters?["type"] = .string(type ?? String(member.key.dropLast("_index_params".count)))
      }
      body["field_schema"] = parameters.map(JSON.object) ?? type.map(JSON.string)
      return body
    }
  }
}

// MARK: Answers

extension ProtoCollectionInfo {
  private static let statuses: [String: ProtoCollectionStatus] = [
    "green": .green, "yellow": .yellow, "red": .red, "grey": .grey,
  ]
  private static let types: [String: ProtoPayloadSchemaType] = [
    "keyword": .keyword, "integer": .integer, "float": .float, "geo": .geo, "text": .text, "bool": .bool,
    "datetime": .datetime, "uuid": .uuid,
  ]

  /// - Parameter json: REST's answer.
  init(_ json: JSON) throws {
    self.init()
    status = json["status"]?.string.flatMap { Self.statuses[$0] } ?? .unknownCollectionStatus
    if let error = json["optimizer_status"]?["error"]?.string {
      optimizerStatus.error = error
    } else {
      optimizerStatus.ok = true
    }
    segmentsCount = UInt64(json["segments_count"]?.int ?? 0)
    if let count = json["points_count"]?.int { pointsCount = UInt64(count) }
    if let count = json["indexed_vectors_count"]?.int { indexedVectorsCount = UInt64(count) }
    updateQueue.length = UInt64(json["update_queue"]?["length"]?.int ?? 0)
    for warning in json["warnings"]?.array ?? [] {
      warnings.append(.with { $0.message = warning["message"]?.string ?? "" })
    }
    for member in json["payload_schema"]?.object?.members ?? [] {
      payloadSchema[member.key] = try .init(member.value, type: Self.types)
    }
    config = try ProtoCollectionConfig(json["config"] ?? .object([:]))
  }
}

extension ProtoPayloadSchemaInfo {
  fileprivate init(_ json: JSON, type types: [String: ProtoPayloadSchemaType]) throws {
    self.init()
    let name = json["data_type"]?.string ?? ""
    dataType = types[name] ?? .unknownType
    if let count = json["points"]?.int { points = UInt64(count) }
    if case .object(var given)? = json["params"] {
      given["type"] = nil
      if given["prefix"]?.bool != nil { given["prefix"] = given["prefix"]?.bool == true ? .object([:]) : nil }
      if let scoring = given["scoring"] { given["scoring"] = scoring == .bool(false) ? nil : .object([:]) }
      params = try SettingMessages.message(
        ProtoPayloadIndexParams.self, .object(["\(name)_index_params": .object(given)]))
    }
  }
}

extension ProtoCollectionConfig {
  fileprivate init(_ json: JSON) throws {
    self.init()
    hnswConfig = try SettingMessages.message(ProtoHnswConfigDiff.self, json["hnsw_config"])
    optimizerConfig = try SettingMessages.message(ProtoOptimizersConfigDiff.self, json["optimizer_config"])
    walConfig = try SettingMessages.message(ProtoWalConfigDiff.self, json["wal_config"])
    if let given = json["quantization_config"], given.object != nil {
      quantizationConfig = try SettingMessages.message(ProtoQuantizationConfig.self, given)
    }
    if let given = json["strict_mode_config"], given.object != nil {
      strictModeConfig = try SettingMessages.message(ProtoStrictModeConfig.self, given)
    }
    if let given = json["metadata"]?.object { metadata = given.values }
    var given = json["params"]?.object ?? [:]
    let (vectors, sparse) = (given["vectors"], given["sparse_vectors"]?.object)
    given["vectors"] = nil
    given["sparse_vectors"] = nil
    params = try SettingMessages.message(ProtoCollectionParams.self, .object(given))
    if let object = vectors?.object, !object.members.isEmpty {
      if object["size"]?.int != nil {
        params.vectorsConfig.params = try SettingMessages.message(ProtoVectorParams.self, vectors)
      } else {
        var map = ProtoVectorParamsMap()
        for member in object.members {
          map.map[member.key] = try SettingMessages.message(ProtoVectorParams.self, member.value)
        }
        params.vectorsConfig.paramsMap = map
      }
    }
    for member in sparse?.members ?? [] {
      params.sparseVectorsConfig.map[member.key] = try SettingMessages.message(
        ProtoSparseVectorParams.self, member.value)
    }
  }
}
